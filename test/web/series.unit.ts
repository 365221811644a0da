import { describe, expect, it } from '@jest/globals';
import { isolated } from '../../web/src/series.js';

describe('a line of a chart', () => {
  it('needs points where a value has no neighbour, and nowhere else', () => {
    expect(isolated([null, 3, null, 4, 5, null, undefined, 6])).toEqual([1, 7]);
    expect(isolated([1])).toEqual([0]);
    expect(isolated([1, 2, 3])).toEqual([]);
    expect(isolated([])).toEqual([]);
  });

  it('takes nought for a value', () => {
    expect(isolated([null, 0, null])).toEqual([1]);
  });
});
