import { Body, Controller, Get, Post } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';

interface ShopSession {
  cart?: string[];
}

@Controller()
export class ShopController {
  @Get('me')
  me(@Session() session: HttpSession<ShopSession>): object {
    return { user: session.principal, cart: session.cart };
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
