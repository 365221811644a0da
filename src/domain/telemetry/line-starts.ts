const LF = 0x0a;

/** Where each line begins, and where one more would behind a line feed at the end. */
export const lineStarts = (bytes: Buffer): Uint32Array => {
  const starts = [0];
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) starts.push(at + 1);
  starts.push(bytes.length + 1);
  return Uint32Array.from(starts);
};
