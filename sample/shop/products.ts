import { type Html } from '../pages/html.js';
import {
  ASSAM_ICON,
  CAKE_ICON,
  JASMINE_ICON,
  OOLONG_ICON,
  ROOIBOS_ICON,
  SENCHA_ICON,
  UNKNOWN_ICON,
} from '../pages/icons.js';

/** Something the shop sells. */
export interface Product {
  readonly id: string;
  readonly icon: Html;
  readonly name: string;
  readonly note: string;
  readonly priceCents: number;
}

export const PRODUCTS: readonly Product[] = [
  { id: 'sencha', icon: SENCHA_ICON, name: 'Sencha', note: 'Green, fresh, a little grassy', priceCents: 390 },
  { id: 'assam', icon: ASSAM_ICON, name: 'Assam', note: 'Black and malty, good with milk', priceCents: 350 },
  { id: 'oolong', icon: OOLONG_ICON, name: 'Milk oolong', note: 'Half way between, creamy', priceCents: 480 },
  { id: 'rooibos', icon: ROOIBOS_ICON, name: 'Rooibos', note: 'Red, sweet, no caffeine', priceCents: 320 },
  {
    id: 'jasmine',
    icon: JASMINE_ICON,
    name: 'Jasmine pearls',
    note: 'Rolled by hand, in bloom',
    priceCents: 560,
  },
  { id: 'cake', icon: CAKE_ICON, name: 'A slice of cake', note: 'Lemon, today', priceCents: 420 },
];

/** The product of an id; one the shop no longer sells (a session outlives a release) is shown by its id. */
export function productOf(id: string): Product {
  return (
    PRODUCTS.find((product) => product.id === id) ?? {
      id,
      icon: UNKNOWN_ICON,
      name: id,
      note: '',
      priceCents: 0,
    }
  );
}
