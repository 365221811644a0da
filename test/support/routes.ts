import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { TextColumn } from '../../src/domain/telemetry/columns.js';
import { RouteBook, routeBookDecider, takeLessons } from '../../src/domain/telemetry/routes/book.js';
import { RouteLearner, type Lessons } from '../../src/domain/telemetry/routes/learning.js';

/** Paths as a chunk holds them. */
export const columnOf = (paths: readonly string[]): TextColumn => {
  const values = [...new Set(paths)];
  const numbers = new Map(values.map((path, number) => [path, number]));
  return { values, ids: Uint16Array.from(paths, (path) => numbers.get(path) ?? 0) };
};

const words = [
  'a',
  'b',
  'c',
  'blog',
  'tags',
  'about',
  'index.html',
  'x.png',
  'y.png',
  'z.CSS',
  'v1.2',
  '{id}',
  '{slug}',
];
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words) },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-e]{1,3}(\.(html|png|js))?$/) },
  { weight: 1, arbitrary: fc.nat({ max: 99_999 }).map(String) },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
);

/** Paths of a site whose directories have few names and many. */
export const sitePath = fc
  .array(segment, { maxLength: 6 })
  .map((segments) => `/${segments.map((text) => text.replace(/[/?#]/g, '-')).join('/')}`);

/** What a learner with a limit makes of paths, with the book after each of its lessons. */
export const learnFrom = (
  paths: readonly string[],
  limit: number,
): { readonly lessons: Lessons; readonly learner: RouteLearner; readonly books: readonly RouteBook[] } => {
  const learner = new RouteLearner(limit);
  const lessons = learner.take(columnOf(paths), (path) => RouteBook.EMPTY.unmatched(path));
  const decision = takeLessons(RouteBook.EMPTY, lessons);
  const books = [RouteBook.EMPTY];
  for (const event of decision.accepted ? decision.events : [])
    books.push(routeBookDecider.evolve(books.at(-1) ?? RouteBook.EMPTY, event));
  return { lessons, learner, books };
};

/** 10,000 lines of a real web server. */
export const accessLog = join(
  fileURLToPath(new URL('../..', import.meta.url)),
  '..',
  'shared',
  'data',
  'apache_access.log',
);
export const hasAccessLog = existsSync(accessLog);

/** The paths of its requests, in their order. */
export const accessLogPaths = (): readonly string[] =>
  readFileSync(accessLog, 'utf8')
    .split('\n')
    .flatMap((line) => /"[A-Z]+ (\S+) HTTP/.exec(line)?.[1] ?? []);
