/** Something the shop sells. */
export interface Product {
  readonly id: string;
  readonly icon: string;
  readonly name: string;
  readonly note: string;
  readonly priceCents: number;
}

export const PRODUCTS: readonly Product[] = [
  { id: 'sencha', icon: '🍃', name: 'Sencha', note: 'Green, fresh, a little grassy', priceCents: 390 },
  { id: 'assam', icon: '☕', name: 'Assam', note: 'Black and malty, good with milk', priceCents: 350 },
  { id: 'oolong', icon: '🌿', name: 'Milk oolong', note: 'Half way between, creamy', priceCents: 480 },
  { id: 'rooibos', icon: '🍂', name: 'Rooibos', note: 'Red, sweet, no caffeine', priceCents: 320 },
  { id: 'jasmine', icon: '🌼', name: 'Jasmine pearls', note: 'Rolled by hand, in bloom', priceCents: 560 },
  { id: 'cake', icon: '🍰', name: 'A slice of cake', note: 'Lemon, today', priceCents: 420 },
];

/** The product of an id; one the shop no longer sells (a session outlives a release) is shown by its id. */
export function productOf(id: string): Product {
  return (
    PRODUCTS.find((product) => product.id === id) ?? { id, icon: '❔', name: id, note: '', priceCents: 0 }
  );
}
