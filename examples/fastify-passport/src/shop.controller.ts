import { Body, Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { LocalLoginGuard } from './auth.js';

@Controller()
export class ShopController {
  @Get('me')
  me(@Req() request: FastifyRequest, @Session() session: HttpSession): object {
    return { user: request.user ?? null, principal: session.principal ?? null, session: session.id };
  }

  @Get('form')
  form(@Res({ passthrough: true }) reply: FastifyReply): object {
    return { csrf: reply.generateCsrf(), messages: reply.flash('info') };
  }

  @Post('cart')
  add(@Req() request: FastifyRequest, @Body() { item }: { item: string }): string[] {
    const cart = [...(request.session.get('cart') ?? []), item];
    request.session.set('cart', cart);
    request.flash('info', `${item} is in your cart`);
    return cart;
  }

  @Post('login')
  @UseGuards(LocalLoginGuard)
  login(@Req() request: FastifyRequest): object | null {
    return request.user ?? null;
  }

  @Post('logout')
  async logout(@Req() request: FastifyRequest): Promise<void> {
    await request.logOut();
  }
}
