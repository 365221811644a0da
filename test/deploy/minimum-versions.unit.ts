import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
};

/** The first version without a published hole that can be reached through PulseStream. */
const minimum: Readonly<Record<string, string>> = {
  ajv: '8.18.0',
  'body-parser': '2.3.0',
  'engine.io': '6.6.7',
  jws: '4.0.1',
  'path-to-regexp': '8.4.0',
  qs: '6.14.1',
  'socket.io-parser': '4.2.7',
  ws: '8.21.0',
};

const isBelow = (version: string, least: string): boolean => {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number));
  const at = [0, 1, 2].find((place) => a?.[place] !== b?.[place]);
  return at !== undefined && Number(a?.[at]) < Number(b?.[at]);
};

/** Every copy of a package that is delivered, with where it is; what only builds and tests is not. */
const copies = (name: string): readonly (readonly [string, string])[] =>
  Object.entries(packages)
    .filter(([path, { dev }]) => path.endsWith(`node_modules/${name}`) && dev !== true)
    .map(([path, { version = '' }]) => [path, version] as const);

describe('what is delivered', () => {
  it.each(Object.entries(minimum))('has no %s below %s', (name, least) => {
    expect(copies(name).length).toBeGreaterThan(0);
    expect(copies(name).filter(([, version]) => isBelow(version, least))).toEqual([]);
  });

  it('is compared by number, not by text', () => {
    expect([isBelow('8.9.0', '8.18.0'), isBelow('8.18.0', '8.18.0'), isBelow('10.0.0', '8.18.0')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
