import { IsString } from 'class-validator';

/** Names a session by its public id. */
export class DeviceDto {
  @IsString({ message: 'There is no such device.' })
  id!: string;
}
