import { Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { PassportSerializer, PassportStrategy } from '@nestjs/passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { Strategy as OAuth2Strategy } from 'passport-oauth2';
import { Users, type User } from './users.js';

/** What of a user is in the session: the id, which becomes the session's principal. */
@Injectable()
export class UserSerializer extends PassportSerializer {
  constructor(@Inject(Users) private readonly users: Users) {
    super();
  }

  serializeUser(user: User, done: (error: unknown, id?: number) => void): void {
    done(null, user.id);
  }

  deserializeUser(id: number, done: (error: unknown, user?: User | false) => void): void {
    done(null, this.users.byId(id) ?? false);
  }
}

@Injectable()
export class PasswordStrategy extends PassportStrategy(LocalStrategy, 'local') {
  constructor(@Inject(Users) private readonly users: Users) {
    super();
  }

  validate(name: string, password: string): User {
    const user = this.users.withPassword(name, password);
    if (user === undefined) throw new UnauthorizedException();
    return user;
  }
}

/** Another site's users. The state and PKCE's verifier are in the session while the user is there. */
@Injectable()
export class ProviderStrategy extends PassportStrategy(OAuth2Strategy, 'provider') {
  constructor(
    @Inject(ConfigService) config: ConfigService,
    @Inject(Users) private readonly users: Users,
  ) {
    const provider = config.getOrThrow<string>('PROVIDER_URL');
    super({
      authorizationURL: `${provider}/authorize`,
      tokenURL: `${provider}/token`,
      clientID: 'example',
      clientSecret: 'secret of the example',
      callbackURL: '/provider/callback',
      state: true,
      pkce: true,
    });
  }

  async validate(accessToken: string): Promise<User> {
    // The provider's token is the user's name here; another one would be asked for the profile.
    const user = this.users.named(accessToken);
    if (user === undefined) throw new UnauthorizedException();
    return user;
  }
}
