import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RouteBook } from '../../../../src/domain/telemetry/routes/book.js';
import { MANY_SIBLINGS, RouteLearner } from '../../../../src/domain/telemetry/routes/learning.js';
import { readTree, writeTree, type PathNode } from '../../../../src/domain/telemetry/routes/path-tree.js';
import { accessLogPaths, columnOf, hasAccessLog, learnFrom, sitePath } from '../../../support/routes.js';

const paths = fc.array(sitePath, { minLength: 1, maxLength: 300 });
const limit = fc.integer({ min: 2, max: 30 });
const last = (books: readonly RouteBook[]): RouteBook => books.at(-1) ?? RouteBook.EMPTY;

describe('learning routes', () => {
  it('leaves a tenant with few routes alone', () => {
    const few = Array.from(
      { length: 60 },
      (_, i) => `/api/method-${'abcdefghij'[i % 10] ?? ''}-${'xyzuvw'[i % 6] ?? ''}`,
    );
    expect(learnFrom(few, 250).lessons).toEqual({ templates: [] });
  });

  it('makes very many siblings one, but for those that are visited often', () => {
    const names = Array.from({ length: MANY_SIBLINGS + 1 }, (_, i) => `/blog/post-${letters(i)}`);
    const visited = Array.from({ length: 40 }, () => '/blog/rss');
    const { lessons, books } = learnFrom([...visited, ...names], 250);
    expect(lessons.templates).toEqual([{ parent: ['blog'], kind: '', kept: ['rss'], because: 'siblings' }]);
    expect(last(books).routeOf('/blog/post-never-seen')).toBe('/blog/{slug}');
    expect(last(books).routeOf('/blog/rss')).toBe('/blog/rss');
    expect(last(books).routeOf('/about')).toBe('/about');
  });

  it('tells files of one kind from those of another', () => {
    const files = Array.from({ length: MANY_SIBLINGS + 1 }, (_, i) => `/docs/${letters(i)}.html`);
    const { books } = learnFrom([...files, '/docs/search', '/docs/all.pdf'], 250);
    expect(last(books).routeOf('/docs/new.html')).toBe('/docs/{slug}.html');
    expect(last(books).routeOf('/docs/search')).toBe('/docs/search');
    expect(last(books).routeOf('/docs/all.pdf')).toBe('/docs/all.pdf');
  });

  it('makes what pages consist of one before it makes pages one', () => {
    const pages = Array.from({ length: 8 }, (_, i) => `/talks/${letters(i)}`);
    const parts = pages.flatMap((page) =>
      ['a.png', 'b.png', 'js/a.js', 'css/all.css'].map((file) => `${page}/${file}`),
    );
    const { books } = learnFrom([...pages, ...parts], 20);
    for (const page of pages) expect(last(books).routeOf(page)).toBe(page);
    expect(last(books).routeOf(`${pages[0] ?? ''}/images/new.png`)).toBe('/talks/{file}.png');
  });

  it('takes paths back: what is left is as if they had never been there, under the templates that there are', () => {
    fc.assert(
      fc.property(paths, paths, limit, fc.boolean(), (stay, go, most, learns) => {
        const learner = new RouteLearner(learns ? most : 10_000);
        const segmentsOf = (path: string) => RouteBook.EMPTY.unmatched(path);
        const mixed = [...stay, ...go].sort((one, other) => one.length - other.length);
        if (learner.take(columnOf(mixed), segmentsOf).frozen) return;
        expect(learner.leave(columnOf(go), segmentsOf)).toBe(true);
        // What stays, in the tree of templates alone, is where it would have been put had it come only now.
        const other = new RouteLearner(10_000, templatesOf(learner.root));
        other.take(columnOf(stay), segmentsOf);
        expect(visits(learner)).toEqual(visits(other));
        expect(learner.routes).toBe(other.routes);
        expect(learner.routes).toBe(new RouteLearner(most, readTree(writeTree(learner.root))).routes);
      }),
      { seed: 3 },
    );
  });

  it('does not take back what it was never given', () => {
    const learner = new RouteLearner(10);
    const segmentsOf = (path: string) => RouteBook.EMPTY.unmatched(path);
    learner.take(columnOf(['/a/b', '/a']), segmentsOf);
    expect(learner.leave(columnOf(['/a/b']), segmentsOf)).toBe(true);
    expect(learner.leave(columnOf(['/a/b']), segmentsOf)).toBe(false);
    expect(learner.routes).toBe(1);
  });

  it('never has more routes than the limit, and at most one more where it has to freeze them', () => {
    fc.assert(
      fc.property(paths, limit, (seen, most) => {
        const book = last(learnFrom(seen, most).books);
        const routes = new Set(seen.map((path) => book.routeOf(path)));
        routes.delete('__other__');
        expect(routes.size).toBeLessThanOrEqual(most + 1);
      }),
      { seed: 1 },
    );
  });

  it('learns the same of the same paths however they are cut into chunks', () => {
    fc.assert(
      fc.property(
        paths,
        limit,
        fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
        (seen, most, cuts) => {
          const whole = learnFrom(seen, most);
          const learner = new RouteLearner(most);
          const templates = [];
          let frozen: readonly string[] | undefined;
          for (let at = 0, i = 0; at < seen.length && !frozen; i += 1) {
            const size = cuts[i] ?? 10;
            const lessons = learner.take(columnOf(seen.slice(at, at + size)), (path) =>
              RouteBook.EMPTY.unmatched(path),
            );
            templates.push(...lessons.templates);
            ({ frozen } = lessons);
            at += size;
          }
          expect({ templates, ...(frozen && { frozen }) }).toEqual(whole.lessons);
        },
      ),
      { seed: 2 },
    );
  });

  it('gives the book the routes that the learner counts', () => {
    fc.assert(
      fc.property(paths, limit, (seen, most) => {
        const { learner, lessons, books } = learnFrom(seen, most);
        fc.pre(lessons.frozen === undefined);
        expect(new Set(seen.map((path) => last(books).routeOf(path))).size).toBe(learner.routes);
      }),
      { seed: 3 },
    );
  });

  it('is gone on with from a state that was saved', () => {
    fc.assert(
      fc.property(paths, paths, limit, (before, after, most) => {
        const { learner, lessons } = learnFrom(before, most);
        fc.pre(lessons.frozen === undefined);
        const resumed = new RouteLearner(most, readTree(writeTree(learner.root)));
        const take = (one: RouteLearner) =>
          one.take(columnOf(after), (path) => RouteBook.EMPTY.unmatched(path));
        expect(take(resumed)).toEqual(take(learner));
      }),
      { seed: 4 },
    );
  });
});

(hasAccessLog ? describe : describe.skip)('the routes of a real access log', () => {
  it('are fewer than 300, and its pages stay themselves', () => {
    const seen = accessLogPaths();
    const book = last(learnFrom(seen, 280).books);
    const visits = new Map<string, number>();
    for (const path of seen) visits.set(book.routeOf(path), (visits.get(book.routeOf(path)) ?? 0) + 1);
    expect(new Set(seen).size).toBeGreaterThan(1_400);
    expect(visits.size).toBeLessThan(300);
    const presentations = [...visits.keys()].filter((route) => /^\/presentations\/[^/.]+$/.test(route));
    expect(presentations).toContain('/presentations/logstash-puppetconf-2012');
    expect(presentations).toContain('/presentations/logstash-monitorama-2013');
    expect(presentations).not.toContain('/presentations/{slug}');
    expect(presentations.length).toBeGreaterThan(15);
    for (const route of [
      '/',
      '/favicon.ico',
      '/blog/geekery/{slug}.html',
      '/blog/tags/{slug}',
      '/projects/xdotool',
      '/reset.css',
    ])
      expect(visits.get(route)).toBeGreaterThan(100);
    expect(book.routeOf('/blog/geekery/a-headline-of-tomorrow.html')).toBe('/blog/geekery/{slug}.html');
  });
});

/** Names without digits: 0 is `aaa`. */
const letters = (number: number): string =>
  [number / 676, number / 26, number]
    .map((digit) => 'abcdefghijklmnopqrstuvwxyz'[Math.floor(digit) % 26] ?? '')
    .join('');

/** A tree of what is closed in another, without anything that was visited. */
const templatesOf = (root: PathNode): PathNode => {
  const empty = (node: PathNode): PathNode => ({
    ended: 0,
    children: new Map(
      [...node.children]
        .map(([name, child]) => [name, empty(child)] as const)
        .filter(([, child]) => child.children.size > 0 || child.closed.size > 0),
    ),
    closed: new Map(node.closed),
  });
  return empty(root);
};

/** How often paths ended where in a learner's tree, where they did. */
const visits = ({ root }: RouteLearner): Readonly<Record<string, number>> => {
  const found: Record<string, number> = {};
  const walk = (node: PathNode, path: string): void => {
    if (node.ended > 0) found[path] = node.ended;
    for (const [name, child] of node.children) walk(child, `${path}/${name}`);
  };
  walk(root, '');
  return found;
};
