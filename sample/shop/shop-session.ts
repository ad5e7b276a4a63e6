import type { HttpSession } from 'nestjs-redis-session';

/** One product in the cart or in an order. */
export interface CartLine {
  productId: string;
  quantity: number;
}

/** An order, as the session remembers it. The dates come back from Redis as dates. */
export interface Order {
  number: string;
  lines: CartLine[];
  status: 'preparing' | 'ready';
  placedAt: Date;
  readyAt?: Date;
  /** The nodes that took it and that prepared it: often not the one that shows it. */
  takenBy: string;
  preparedBy?: string;
}

/** What the shop keeps in a session. */
export interface ShopSession {
  cart?: CartLine[];
  order?: Order;
  visits?: number;
}

export type ShopHttpSession = HttpSession<ShopSession>;

/** How many things are in the cart. */
export function cartCount(session: ShopHttpSession): number {
  return (session.cart ?? []).reduce((sum, line) => sum + line.quantity, 0);
}
