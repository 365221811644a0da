import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InTurn } from '../../src/platform/in-turn.js';

it('does one thing after another, in order, whatever becomes of each', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ fails: fc.boolean(), pauses: fc.nat({ max: 3 }) }), { maxLength: 12 }),
      async (works) => {
        const inTurn = new InTurn();
        const seen: string[] = [];
        const turns = works.map(({ fails, pauses }, n) =>
          inTurn.do(async () => {
            seen.push(`${String(n)} begins`);
            for (let pause = 0; pause < pauses; pause += 1) await new Promise(setImmediate);
            seen.push(`${String(n)} ends`);
            if (fails) throw new Error(String(n));
            return n;
          }),
        );
        const settled = Promise.allSettled(turns);
        await inTurn.ended();
        expect(seen).toEqual(works.flatMap((_, n) => [`${String(n)} begins`, `${String(n)} ends`]));
        expect((await settled).map((one) => one.status === 'fulfilled')).toEqual(
          works.map(({ fails }) => !fails),
        );
      },
    ),
  );
});
