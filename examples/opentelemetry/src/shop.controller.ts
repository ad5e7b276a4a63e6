import { Body, Controller, Get, Post } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';

interface ShopSession {
  cart?: string[];
}

@Controller()
export class ShopController {
  @Get('cart')
  cart(@Session() session: HttpSession<ShopSession>): { of: string | undefined; cart: string[] } {
    return { of: session.principal, cart: session.cart ?? [] };
  }

  @Post('cart')
  add(@Session() session: HttpSession<ShopSession>, @Body() { item }: { item: string }): void {
    session.cart = [...(session.cart ?? []), item];
  }

  @Post('login')
  async login(
    @Session() session: HttpSession<ShopSession>,
    @Body() { name }: { name: string },
  ): Promise<void> {
    await session.authenticate(name);
  }

  @Post('logout')
  async logout(@Session() session: HttpSession<ShopSession>): Promise<void> {
    await session.destroy();
  }
}
