import { Transform } from 'class-transformer';
import { IsString, Length } from 'class-validator';

/** The log-in form. */
export class LoginDto {
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value))
  @Length(1, 40, { message: 'Tell us your name: 1 to 40 characters.' })
  name!: string;

  @IsString({ message: 'Give the password.' })
  password!: string;
}
