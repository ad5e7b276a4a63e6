import { Body, Controller, Get, Post } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';

/** A socket cannot log in: no response would bring the cookie. */
@Controller()
export class ChatController {
  @Post('login')
  async login(@Session() session: HttpSession, @Body('name') name: string): Promise<object> {
    await session.authenticate(name);
    return { name };
  }

  @Get('said')
  said(@Session('said') said: string[] | undefined): string[] {
    return said ?? [];
  }

  @Post('logout')
  async logout(@Session() session: HttpSession): Promise<object> {
    await session.destroy();
    return {};
  }
}
