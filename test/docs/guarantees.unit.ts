import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'guarantees.md'), 'utf8');
const promises = text.split('\n').filter((line) => /^\| (?!promise|---)/.test(line));
const filesIn = (line: string): readonly string[] =>
  [...line.matchAll(/`((?:test\/|\.)[\w./-]+)`/g)].map(([, file = '']) => file);

describe('docs/guarantees.md', () => {
  it('names a test for every promise', () => {
    expect(promises.length).toBeGreaterThan(30);
    expect(promises.filter((line) => filesIn(line).length === 0)).toEqual([]);
  });

  it('names only files that are there', () => {
    expect([...new Set(filesIn(text))].filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('says what is not proven', () => {
    expect(text).toContain('## What is not proven');
  });
});
