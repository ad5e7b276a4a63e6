import { Injectable } from '@nestjs/common';

export interface User {
  readonly id: number;
  readonly name: string;
}

/** Who there is. An application has them in its database, with hashes of their passwords. */
@Injectable()
export class Users {
  readonly #users: readonly (User & { readonly password: string })[] = [
    { id: 1, name: 'ann', password: 'wonderland' },
    { id: 2, name: 'bob', password: 'builder' },
  ];

  withPassword(name: string, password: string): User | undefined {
    const user = this.#users.find((one) => one.name === name && one.password === password);
    return user && { id: user.id, name: user.name };
  }

  named(name: string): User | undefined {
    const user = this.#users.find((one) => one.name === name);
    return user && { id: user.id, name: user.name };
  }

  byId(id: number): User | undefined {
    const user = this.#users.find((one) => one.id === id);
    return user && { id: user.id, name: user.name };
  }
}
