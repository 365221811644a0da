/**
 * The places of values that have no neighbour: a line cannot show them, so they need a point. Null is where there is
 * no value.
 */
export const isolated = (values: readonly (number | null | undefined)[]): number[] =>
  values.flatMap((value, index) =>
    isThere(value) && !isThere(values[index - 1]) && !isThere(values[index + 1]) ? [index] : [],
  );

const isThere = (value: number | null | undefined): boolean => value !== null && value !== undefined;
