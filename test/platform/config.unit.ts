import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config.js';

const problemsOf = (environment: Record<string, string>): string[] => {
  const outcome = readConfig(environment);
  return outcome.ok ? [] : outcome.problems.map(({ variable, problem }) => `${variable} ${problem}`);
};

describe('the configuration', () => {
  it('needs nothing: an empty environment gives the embedded stores on the usual port', () => {
    const outcome = readConfig({});
    expect(outcome.ok && outcome.config).toMatchObject({
      PORT: 8080,
      HOST: '127.0.0.1',
      DEPLOYMENT_MODE: false,
      EVENTSTOREDB_URL: undefined,
      PULSESTREAM_CORS_ORIGINS: [],
    });
  });

  it('reads an empty variable as an absent one', () => {
    const outcome = readConfig({ PORT: '', MONGODB_URL: '' });
    expect(outcome.ok && outcome.config).toMatchObject({ PORT: 8080, MONGODB_URL: undefined });
  });

  it.each([
    ['PORT', '80800', 'must be a whole number from 0 to 65535'],
    ['PORT', '8080x', 'must be a whole number from 0 to 65535'],
    ['DEPLOYMENT_MODE', 'maybe', 'must be true or false'],
    ['LOG_LEVEL', 'loud', 'must be one of trace, debug, info, warn, error, fatal, silent'],
    ['MONGODB_URL', 'postgres://x', 'must begin with mongodb:// or mongodb+srv://'],
    ['PULSESTREAM_SHARD', 'a-b', 'must be 1 to 32 of a-z and 0-9'],
  ])('says what %s=%s should have been', (variable, value, problem) => {
    expect(problemsOf({ [variable]: value })).toEqual([`${variable} ${problem}`]);
  });

  it('refuses a weak secret without repeating it', () => {
    const [short] = problemsOf({ PULSESTREAM_SECRET: 'hunter2' });
    expect(short).toContain('weak');
    expect(short).not.toContain('hunter2');
    expect(problemsOf({ PULSESTREAM_OPERATOR_TOKEN: 'ab'.repeat(32) })).toHaveLength(1);
  });

  it('names every problem at once', () => {
    expect(problemsOf({ PORT: '-1', LOG_LEVEL: 'x' })).toHaveLength(2);
  });

  it('names variables that look like its own and are not', () => {
    const outcome = readConfig({ PULSESTREAM_SHRAD: '1', PATH: '/bin' });
    expect(outcome.ok && outcome.unknown).toEqual(['PULSESTREAM_SHRAD']);
  });
});
