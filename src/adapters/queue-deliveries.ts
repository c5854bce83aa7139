import type { DeliveryMessage } from "../domain/delivery.ts";
import type { DeliveryQueue } from "../ports/deliveries.ts";

/** What one `sendBatch` takes. */
const MAX_BATCH = 100;

export function createDeliveryQueue(queue: Queue<DeliveryMessage>): DeliveryQueue {
  return {
    async send(deliveryIds, delaySeconds) {
      for (let start = 0; start < deliveryIds.length; start += MAX_BATCH) {
        const messages = deliveryIds
          .slice(start, start + MAX_BATCH)
          .map((deliveryId) => ({ body: { delivery_id: deliveryId }, delaySeconds }));
        await queue.sendBatch(messages);
      }
    },
  };
}
