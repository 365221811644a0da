import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { closedLoop } from './load.mjs';
import { programOf, userOf, withServer } from './process.mjs';

const PROGRAMS = '/usr/lib/postgresql';
const CONNECTIONS = 4;
const OVERVIEWS = 20;

const versions = () => {
  try {
    return readdirSync(PROGRAMS).sort((one, other) => Number(other) - Number(one));
  } catch {
    return [];
  }
};

/** A PostgreSQL as it comes, every commit durable. */
export const withPostgres = (work) => {
  const program = (name) =>
    programOf('postgresql', ...versions().map((version) => join(PROGRAMS, version, 'bin', name)));
  const postgres = program('postgres');
  const initdb = program('initdb');
  const user = userOf('postgres');
  const urlOf = (port) => `postgresql://postgres@127.0.0.1:${port}/postgres`;
  return withServer(
    {
      user,
      prepare: (directory) =>
        execFileSync(initdb, ['-D', join(directory, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'], {
          ...user,
          cwd: directory,
          stdio: 'ignore',
        }),
      start: (directory, port) => ({
        command: postgres,
        args: ['-D', join(directory, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', directory],
      }),
      isUp: async (port) => {
        const client = new pg.Client(urlOf(port));
        await client.connect();
        await client.end();
        return true;
      },
    },
    (port) => work(urlOf(port)),
  );
};

const TABLE = `create table events (
  id bigserial primary key, received timestamptz not null default now(), data jsonb not null)`;
/** The columns that an overview needs, typed, as somebody would keep them who needs it fast. */
const TYPED = `create table typed as select received, data->>'service' as service, data->>'route' as route,
  (data->>'status_code')::int as status, (data->>'duration_ms')::float8 as duration from events`;
const OVERVIEW = `select service, route, count(*), count(*) filter (where status >= 500),
  percentile_cont(array[0.5, 0.95, 0.99]) within group (order by duration)
  from typed where received > now() - interval '1 hour' group by service, route`;

/** 1,000 events a transaction as jsonb rows in one statement, its best form; then the overview of the last hour. */
export const postgresql = ({ seconds, bodies, events_each }) =>
  withPostgres(async (url) => {
    const texts = bodies.map((body) => body.toString());
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const client = new pg.Client(url);
        await client.connect();
        return client;
      }),
    );
    try {
      const [first] = clients;
      await first.query(TABLE);
      await first.query('create index on events (received)');
      const load = { connections: CONNECTIONS, seconds, events_each };
      const postgresql_per_second = await closedLoop(load, (connection, number) =>
        clients[connection].query({
          name: 'store',
          text: 'insert into events (data) select value from jsonb_array_elements($1::jsonb)',
          values: [texts[number % texts.length]],
        }),
      );
      await first.query(TYPED);
      await first.query('create index on typed (received)');
      await first.query('vacuum analyze typed');
      const { rows } = await first.query('select count(*)::int as events from typed');
      const times = [];
      for (let i = 0; i < OVERVIEWS; i += 1) {
        const started = performance.now();
        await first.query(OVERVIEW);
        times.push(performance.now() - started);
      }
      times.sort((one, other) => one - other);
      return {
        postgresql_per_second,
        postgresql_overview_p50_ms: times[Math.floor(times.length / 2)],
        postgresql_overview_events: rows[0].events,
      };
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
