/** What sessions hold beside one small number: a shopping cart, an ordinary list of ordinary objects. */

/** A cart of about so many KiB as JSON. */
export function cartOf(kib) {
  const items = [];
  // An item is about 128 bytes, the comma included.
  for (let i = 0; i < kib * 8; i += 1) {
    items.push({
      sku: `SKU-${String(i).padStart(6, '0')}`,
      name: 'A thing that somebody may want to buy',
      quantity: (i % 9) + 1,
      price: 1999 + (i % 10),
      gift: i % 2 === 0,
      tags: ['blue', 'small'],
    });
  }
  return items;
}
