import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { changeRule } from '../../src/commands/change-rule.js';
import { defineRule } from '../../src/commands/define-rule.js';
import { logIn } from '../../src/commands/log-in.js';
import { anonymousPrincipal } from '../../src/domain/tenancy/access.js';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { KeyFile } from '../../src/personkeys/embedded/key-file.js';
import { systemFiles } from '../../src/platform/files.js';
import { EmbeddedReadStore } from '../../src/readstore/embedded/embedded-read-store.js';
import { commandBench, registered, requestOf, valueOf } from '../support/command-bench.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../support/embedded-log.js';

const rule = {
  name: 'Errors',
  severity: 'critical',
  condition: { metric: 'error_count', operator: '>', threshold: 10 },
  window_seconds: 60,
} as const;

let directory: string;
let close: () => Promise<void>;

/** The pipeline on the stores on disk, as at a start. */
const start = async () => {
  const log = await EmbeddedEventStore.open(directory, smallLog);
  const store = await EmbeddedReadStore.open(join(directory, 'readmodels'));
  const personKeys = await KeyFile.open(join(directory, 'keys', 'people'), systemFiles);
  close = async () => {
    await personKeys.close();
    await store.close();
    await log.close();
  };
  return commandBench({ log, store, personKeys });
};

beforeEach(async () => {
  directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, smallLog);
  await EmbeddedReadStore.initialise(join(directory, 'readmodels'));
});

afterEach(async () => {
  await close();
  await removeDirectory(directory);
});

describe('commands on the embedded stores', () => {
  it('survive a restart: people, keys, answers and things', async () => {
    const before = await start();
    const { email, password, api_key, principal } = await registered(before);
    const define = (world: typeof before) =>
      world.pipeline.execute(defineRule, rule, requestOf(principal, { idempotency_key: 'k' }));
    const first = await define(before);
    await close();

    const after = await start();
    expect(await after.authenticator.authenticate({ api_key: api_key.key })).toEqual(principal);
    expect(await define(after)).toEqual({ ...first, replayed: true });
    const tokens = await after.pipeline.execute(logIn, { email, password }, requestOf(anonymousPrincipal));
    expect(tokens).toMatchObject({ ok: true });
  });

  it('change one thing many at a time, one after another', async () => {
    const { pipeline, ...bench } = await start();
    const { principal } = await registered({ pipeline, ...bench });
    const { id } = valueOf(await pipeline.execute(defineRule, rule, requestOf(principal))).rule;
    const versions = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const input = { rule_id: id, definition: { ...rule, name: `Errors ${i}` } };
        return valueOf(await pipeline.execute(changeRule, input, requestOf(principal))).rule.version;
      }),
    );
    expect(versions.sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});
