/** Keeps a value as the newest of a map's, and as many as `most` in all: the one that was kept longest ago goes. */
export const remember = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
};
