import { RouteBook } from '../../src/domain/telemetry/routes/book.js';
import fc from 'fast-check';
import type { TenantId } from '../../src/domain/ids.js';
import type { Position } from '../../src/eventstore/event-store.js';
import { defineProjection, type Part } from '../../src/projections/projection.js';
import type { MemoryEventLog } from './memory-event-log.js';

/** A read model for tests of what runs read models: it notices every event that is missed, repeated or out of order. */
export interface Account {
  readonly id: string;
  readonly position: Position;
  sum: number;
  readonly entries: Position[];
}

interface Entry {
  readonly kind: 'open' | 'add' | 'close' | 'break';
  readonly amount: number;
}

export const acme = 'ten_acme' as TenantId;
export const other = 'ten_other' as TenantId;

/** `open` begins a document, `close` deletes it; adding to one that is not there, or `break`, cannot be folded. */
export const ledger = defineProjection<Account, Entry>({
  name: 'ledger',
  version: 1,
  reads: ['Entered'],
  indexes: [{ name: 'by_sum', fields: ['sum'] }],
  parts: ({ metadata, data }) => {
    if (data instanceof Uint8Array) return [];
    if (data['kind'] === 'unreadable') throw new Error('unreadable');
    const accounts = data['accounts'] as string[];
    const part = { kind: data['kind'] as Entry['kind'], amount: data['amount'] as number };
    return accounts.map((id) => ({ tenant: metadata.tenant_id ?? acme, id, part }));
  },
  fold: (account, { kind, amount }, { id, position }) => {
    if (kind === 'close') return undefined;
    const next = account ?? (kind === 'open' ? { id, position, sum: 0, entries: [] } : undefined);
    if (!next) throw new Error('no such account');
    // In place on purpose, and before the fold fails: the runner has to cope with both.
    next.sum += amount;
    next.entries.push(position);
    if (kind === 'break') throw new Error('broken');
    return { ...next, position };
  },
});

/** Counts the ledger's events in one document for each tenant; touches nothing else. */
export const tally = defineProjection<{ id: string; position: Position; count: number }>({
  name: 'tally',
  version: 1,
  reads: ['Entered', 'Noted'],
  indexes: [],
  parts: (event) => [{ tenant: event.metadata.tenant_id ?? acme, id: 'all', part: event }],
  fold: (tally, _event, { id, position }) => ({ id, position, count: (tally?.count ?? 0) + 1 }),
});

export interface Script {
  readonly tenant: TenantId;
  readonly kind: Entry['kind'] | 'unreadable' | 'note' | 'ignored';
  readonly accounts: readonly string[];
  readonly amount: number;
}

const accounts = ['a', 'b', 'c', 'd'];

/** Scripts in which every entry can be folded: accounts are opened, added to, closed and opened again. */
export const scripts = fc
  .array(
    fc.record({
      tenant: fc.constantFrom(acme, other),
      wish: fc.constantFrom<Script['kind']>('open', 'add', 'add', 'add', 'close', 'note', 'ignored'),
      accounts: fc.uniqueArray(fc.constantFrom(...accounts), { minLength: 1, maxLength: 3 }),
      amount: fc.integer({ min: 1, max: 9 }),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )
  .map((wishes) => {
    const open = new Set<string>();
    return wishes.map(({ tenant, wish, accounts, amount }): Script => {
      const keys = accounts.map((account) => `${tenant}/${account}`);
      const all = keys.every((key) => open.has(key));
      const kind = wish === 'add' && !all ? 'open' : wish;
      if (kind === 'open') keys.forEach((key) => open.add(key));
      if (kind === 'close') keys.forEach((key) => open.delete(key));
      return { tenant, kind, accounts, amount };
    });
  });

export const perform = (log: MemoryEventLog, script: readonly Script[]): void => {
  for (const { tenant, kind, accounts, amount } of script) {
    const type = kind === 'note' ? 'Noted' : kind === 'ignored' ? 'Ignored' : 'Entered';
    log.append(tenant, `accounts-${tenant}`, type, { kind, accounts: [...accounts], amount });
  }
};

/** Scripts of anything, in any order: much of it cannot be folded. */
export const roughScripts = fc.array(
  fc.record<Script>({
    tenant: fc.constantFrom(acme, other),
    kind: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.constantFrom<Script['kind']>('open', 'open', 'add', 'add', 'close', 'note'),
      },
      { weight: 1, arbitrary: fc.constantFrom<Script['kind']>('break', 'unreadable') },
    ),
    accounts: fc.uniqueArray(fc.constantFrom(...accounts), { minLength: 1, maxLength: 3 }),
    amount: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** What the log says, folded event by event by the simplest means: what every way of running has to come to. */
export const expected = (
  log: MemoryEventLog,
): { readonly documents: Record<string, string>; readonly parked: Record<string, number> } => {
  const documents = new Map<string, Account>();
  const parked: Record<string, number> = {};
  for (const event of log.events.filter(({ type }) => ledger.reads.includes(type))) {
    const stream = `stream ${event.stream}`;
    if (stream in parked) {
      parked[stream] = (parked[stream] ?? 0) + 1;
      continue;
    }
    let parts: Part<Entry>[] = [];
    try {
      parts = [...ledger.parts(event, RouteBook.EMPTY)];
    } catch {
      parked[stream] = 1;
    }
    for (const { tenant, id, part } of parts) {
      const key = `${tenant}/${id}`;
      if (`document ${key}` in parked) {
        parked[`document ${key}`] = (parked[`document ${key}`] ?? 0) + 1;
        continue;
      }
      try {
        const next = ledger.fold(structuredClone(documents.get(key)), part, { id, position: event.position });
        if (next) documents.set(key, next);
        else documents.delete(key);
      } catch {
        parked[`document ${key}`] = 1;
      }
    }
  }
  const texts = [...documents].map(([key, document]) => [key, JSON.stringify(document)] as const);
  return { documents: Object.fromEntries(texts), parked };
};
