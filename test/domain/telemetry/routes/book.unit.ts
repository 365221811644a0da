import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RouteBook } from '../../../../src/domain/telemetry/routes/book.js';
import {
  definePatterns,
  forgetLearned,
  readBook,
  routeBookDecider,
  takeLessons,
  writeBook,
  type RouteEvent,
} from '../../../../src/domain/telemetry/routes/book.js';
import { parsePatterns } from '../../../../src/domain/telemetry/routes/patterns.js';
import { learnFrom, sitePath } from '../../../support/routes.js';

const { initial, evolve } = routeBookDecider;
const given = (...events: readonly RouteEvent[]): RouteBook => events.reduce(evolve, initial);
const patterns = (...texts: string[]): RouteEvent => ({
  type: 'RoutePatternsDefined',
  data: { patterns: texts },
});
const learned = (parent: string[], kind = '', kept: string[] = []): RouteEvent => ({
  type: 'RouteTemplateLearned',
  data: { parent, kind, kept, because: 'siblings' },
});
const lesson = (parent: string[], kept: string[] = []) => ({
  templates: [{ parent, kind: '', kept, because: 'siblings' as const }],
});
const paths = fc.array(sitePath, { minLength: 1, maxLength: 200 });
const limit = fc.integer({ min: 2, max: 30 });

describe('a route book', () => {
  it('says what the look of a path says where nothing else is known', () => {
    expect(given().routeOf('/orders/42')).toBe('/orders/{id}');
  });

  it('puts the tenant’s own patterns first, in their order', () => {
    const book = given(learned(['blog']), patterns('/errors/404', '/blog/{year}/{title}.html', '/files/*'));
    expect(book.routeOf('/errors/404')).toBe('/errors/404');
    expect(book.routeOf('/errors/405')).toBe('/errors/{id}');
    expect(book.routeOf('/blog/2015/hello.html?a=1')).toBe('/blog/{year}/{title}.html');
    expect(book.routeOf('/blog/hello')).toBe('/blog/{slug}');
    expect(book.routeOf('/files/a/b/c')).toBe('/files/*');
    expect(book.routeOf('/files')).toBe('/files');
  });

  it('shows what is past a frozen list as other', () => {
    const book = given(learned(['blog']), { type: 'RoutesFrozen', data: { known: ['/', '/blog/{slug}'] } });
    expect(book.routeOf('/blog/anything')).toBe('/blog/{slug}');
    expect(book.routeOf('/new')).toBe('__other__');
    expect(book.routeOf('__other__')).toBe('__other__');
    expect(evolve(book, patterns('/new')).routeOf('/new')).toBe('/new');
  });

  it('is as it was before once what was learned is forgotten', () => {
    const book = given(patterns('/a'), learned(['blog']), { type: 'LearnedRoutesForgotten', data: {} });
    expect(book.routeOf('/blog/hello')).toBe('/blog/hello');
    expect(book.contents.patterns).toHaveLength(1);
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(paths, paths, limit, (seen, others, most) => {
        const { books } = learnFrom(seen, most);
        const book = evolve(books.at(-1) ?? initial, patterns('/a/{b}', '/blog/*'));
        const again = readBook(JSON.parse(JSON.stringify(writeBook(book))) as ReturnType<typeof writeBook>);
        for (const path of [...seen, ...others]) expect(again.routeOf(path)).toBe(book.routeOf(path));
      }),
      { seed: 1 },
    );
  });

  it('makes at most 256 characters of any path, and of a route itself', () => {
    fc.assert(
      fc.property(paths, limit, fc.string({ maxLength: 600 }), fc.webPath(), (seen, most, text, web) => {
        const book = learnFrom(seen, most).books.at(-1) ?? initial;
        for (const path of [...seen, text, web, text.repeat(20), `${web}/${text}`]) {
          const route = book.routeOf(path);
          expect(route.length).toBeLessThanOrEqual(256);
          expect(book.routeOf(route)).toBe(route);
        }
      }),
      { seed: 2 },
    );
  });

  it('makes of what an earlier book made of a path what it makes of the path', () => {
    fc.assert(
      fc.property(paths, paths, limit, (seen, others, most) => {
        const { books } = learnFrom(seen, most);
        const now = books.at(-1) ?? initial;
        for (const path of [...seen, ...others])
          for (const before of books)
            expect([path, now.routeOf(before.routeOf(path))]).toEqual([path, now.routeOf(path)]);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe('taking lessons down', () => {
  it('is recorded once', () => {
    expect(takeLessons(given(), lesson(['blog']))).toEqual({ accepted: true, events: [learned(['blog'])] });
    expect(takeLessons(given(learned(['blog'])), lesson(['blog']))).toEqual({ accepted: true, events: [] });
  });

  it('is not taken for the same where it keeps less', () => {
    expect(takeLessons(given(learned(['blog'], '', ['rss'])), lesson(['blog']))).toMatchObject({
      events: [learned(['blog'])],
    });
  });

  it('ends when the routes are frozen', () => {
    const frozen: RouteEvent = { type: 'RoutesFrozen', data: { known: ['/'] } };
    expect(takeLessons(given(), { templates: [], frozen: ['/'] })).toEqual({
      accepted: true,
      events: [frozen],
    });
    expect(takeLessons(given(frozen), lesson(['blog']))).toEqual({ accepted: true, events: [] });
  });
});

describe('defining patterns', () => {
  it('is recorded, and twice is the same as once', () => {
    expect(definePatterns(given(), ['/a'])).toEqual({ accepted: true, events: [patterns('/a')] });
    expect(definePatterns(given(patterns('/a')), ['/a'])).toEqual({ accepted: true, events: [] });
    expect(definePatterns(given(patterns('/a')), [])).toEqual({ accepted: true, events: [patterns()] });
  });

  it.each([
    [['blog'], 0, /begins with a slash/],
    [['/a//b'], 0, /empty segments/],
    [['/a/{b}{c}'], 0, /one \{name\}/],
    [['/a/*/b'], 0, /star/],
    [['/a?b=1'], 0, /no query/],
    [['/a/{b}', '/a/{c}'], 1, /\/a\/\{b\} comes before it/],
    [['/files/*', '/files/{name}'], 1, /never reached/],
    [[`/${'a'.repeat(300)}`], 0, /256/],
  ])('%j is wrong at %d', (texts, index, detail) => {
    expect(parsePatterns(texts)).toMatchObject({ ok: false, index });
    expect(parsePatterns(texts)).toHaveProperty('detail', expect.stringMatching(detail));
  });

  it('leaves the narrower first', () => {
    expect(parsePatterns(['/a/{b}.html', '/a/{b}', '/a/*', '/*', '/']).ok).toBe(true);
  });

  it('gives every path that a pattern matches the pattern as its route, which is its own route', () => {
    const part = fc.constantFrom('a', 'b', '{x}', '{y}.html', 'v{n}');
    const list = fc.array(
      fc
        .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.boolean())
        .map(([parts, more]) => `/${parts.join('/')}${more ? '/*' : ''}`),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(list, paths, (texts, seen) => {
        fc.pre(parsePatterns(texts).ok);
        const book = given(patterns(...texts));
        for (const path of [...seen, ...texts])
          expect(book.routeOf(book.routeOf(path))).toBe(book.routeOf(path));
        for (const text of texts) expect(book.routeOf(text)).toBe(text);
      }),
      { seed: 4 },
    );
  });
});

describe('forgetting what was learned', () => {
  it('is recorded where there is something', () => {
    expect(forgetLearned(given(patterns('/a')))).toEqual({ accepted: true, events: [] });
    expect(forgetLearned(given(learned([])))).toMatchObject({ events: [{ type: 'LearnedRoutesForgotten' }] });
  });
});
