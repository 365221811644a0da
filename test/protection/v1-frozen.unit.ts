import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { openapi } from '../../src/api/openapi.js';
import { routes } from '../../src/api/http/routes.js';
import { incompatibilities } from './compatibility.js';

/** The contract that clients were given. `UPDATE_OPENAPI=1` writes additions into it; nothing takes anything out. */
const file = new URL('../../docs/openapi.v1.json', import.meta.url);
const served = JSON.parse(
  JSON.stringify(
    openapi(
      routes.filter(({ path }) => path.startsWith('/api/v1/')),
      'v1',
    ),
  ),
) as object;

if (process.env.UPDATE_OPENAPI === '1') {
  const broken = existsSync(file)
    ? incompatibilities(JSON.parse(readFileSync(file, 'utf8')) as object, served)
    : [];
  if (broken.length === 0) {
    const options = { ...(await resolveConfig(file)), parser: 'json' };
    writeFileSync(file, await format(JSON.stringify(served), options));
  }
}

describe('the frozen contract of /api/v1', () => {
  const frozen = JSON.parse(readFileSync(file, 'utf8')) as object;

  it('is still kept: nothing that clients rely on is gone or narrower', () => {
    expect(incompatibilities(frozen, served)).toEqual([]);
  });

  it('is checked in as it is served, additions included', () => {
    expect(served).toEqual(frozen);
  });
});
