import { describe, expect, it } from '@jest/globals';
import { createSession } from 'nestjs-redis-session/testing';

interface ShopSession {
  cart?: string[];
  views?: number;
}

describe('createSession', () => {
  it('makes a new session with these attributes', () => {
    const session = createSession<ShopSession>({ cart: ['tea'] });
    expect({ ...session }).toEqual({ cart: ['tea'] });
    expect([session.isNew, session.principal]).toEqual([true, undefined]);
    expect(Object.keys(createSession())).toEqual([]);
  });

  it('logs in, keeps what it holds, under another id', async () => {
    const session = createSession<ShopSession>({ cart: ['tea'] });
    const { id } = session;
    await session.authenticate('ann');
    expect([session.principal, session.cart]).toEqual(['ann', ['tea']]);
    expect(session.id).not.toBe(id);
  });

  it('stores: what was not saved is gone after a reload, what was saved is there', async () => {
    const session = createSession<ShopSession>({ cart: ['tea'] });
    await session.save();
    session.cart?.push('milk');
    await session.reload();
    expect(session.cart).toEqual(['tea']);
    expect(await session.update('views', (views = 0) => views + 1)).toBe(1);
    expect(session.csrfToken()).toMatch(/^\S{20,}$/);
  });

  it('is empty and nobody after its end', async () => {
    const session = createSession<ShopSession>({ cart: ['tea'] });
    await session.authenticate('ann');
    await session.destroy();
    expect([session.principal, { ...session }]).toEqual([undefined, {}]);
  });

  it('refuses attributes that are members, as any session does', () => {
    expect(() => createSession<{ id: string }>({ id: 'mine' })).toThrow(/'id' is a member of HttpSession/);
  });
});
