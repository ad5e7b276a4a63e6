import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SessionService, type SessionEvent } from 'nestjs-redis-session';
import { deviceName } from '../pages/device.js';

/**
 * Tells users of a login on a device that they have not used before. The mail of this demo is a line in the terminal. A real shop
 * remembers the devices that its users know; here those count that are logged in at the moment.
 */
@Injectable()
export class NewDeviceMail implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private subscription: { unsubscribe(): void } | undefined;

  constructor(private readonly sessions: SessionService) {}

  onModuleInit(): void {
    this.subscription = this.sessions.events.subscribe((event) => void this.heard(event));
  }

  onModuleDestroy(): void {
    this.subscription?.unsubscribe();
  }

  private async heard(event: SessionEvent): Promise<void> {
    // Every node hears of each login; the one where it was sends the mail.
    if (event.type !== 'authenticated' || event.origin !== 'here' || event.principal === undefined) return;
    try {
      const devices = await this.sessions.list(event.principal);
      const device = devices.find(({ id }) => id === event.id)?.device;
      const known = devices.filter(({ id }) => id !== event.id);
      if (known.length === 0 || known.some((other) => other.device?.userAgent === device?.userAgent)) return;
      // Names are what users type: quoted, so that none of them makes a line of its own.
      this.logger.log(
        `To ${JSON.stringify(event.principal)}: you were logged in on a new device, ${deviceName(device)}, ${device?.address}. ` +
          'Was it not you? Log it out on /account.',
      );
    } catch (error) {
      this.logger.error('A new device could not be told of.', error);
    }
  }
}
