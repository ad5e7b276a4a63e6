import { Authenticator } from '@fastify/passport';
import { UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest, PassportUser } from 'fastify';
import { Strategy } from 'passport-local';

const USERS = [{ id: 1, name: 'ann', password: 'wonderland' }];

export const passport = new Authenticator();

passport.use(
  'local',
  new Strategy((name, password, done) => {
    done(null, USERS.find((user) => user.name === name && user.password === password) ?? false);
  }),
);
passport.registerUserSerializer(async (user: PassportUser) => user.id);
passport.registerUserDeserializer(async (id: number) => {
  const user = USERS.find((each) => each.id === id);
  return user === undefined ? null : { id: user.id, name: user.name };
});

/** What AuthGuard('local') of @nestjs/passport is on Express. */
export class LocalLoginGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    const authenticate = passport.authenticate('local', async (_request, _reply, error, user) => {
      if (error !== null) throw error;
      if (user) await request.logIn(user as PassportUser);
    });
    await authenticate.call(request.server, request, reply);
    if (!request.isAuthenticated()) throw new UnauthorizedException();
    return true;
  }
}
