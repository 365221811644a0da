/** The part of a load that warms up and does not count. */
const WARM_UP = 0.2;

/** Events a second over some connections, each of which sends its next batch when the last is stored. */
export const closedLoop = async ({ connections, seconds, events_each }, send) => {
  const started = performance.now();
  const counted_from = started + seconds * 1000 * WARM_UP;
  const until = started + seconds * 1000;
  let batches = 0;
  let next = 0;
  let last = counted_from;
  const worker = async (connection) => {
    for (let sent = performance.now(); sent < until;) {
      await send(connection, next++);
      const answered = performance.now();
      if (sent >= counted_from) {
        batches += 1;
        last = Math.max(last, answered);
      }
      sent = answered;
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, connection) => worker(connection)));
  return (batches * events_each) / ((last - counted_from) / 1000);
};
