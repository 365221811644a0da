/** An {@link Audience} in a process of its own; does what it is told and answers, one thing after the other. */
import { Audience } from './audience.js';
import type { Order } from './audience-outside.js';

let audience: Audience | undefined;

const carryOut = async (order: Order): Promise<unknown> => {
  if (order.do === 'sit') audience = new Audience(order.seat, order.api_key);
  if (order.do === 'open') await audience?.open(order.count);
  if (order.do === 'watch') return audience?.watch(order.seconds);
  return audience?.received();
};

process.on('message', (order: Order) => {
  carryOut(order).then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => audience?.close());
