import {
  buildMessage,
  IsBoolean,
  IsInt,
  Max,
  Min,
  ValidateBy,
  type ValidationOptions,
} from 'class-validator';

/** In each of these the message says what is allowed, as the end of "must be …". */

/** An integer within bounds, both included. */
export function IntegerBetween(min: number, max: number, unit = ''): PropertyDecorator {
  const message = `an integer from ${min} to ${max}${unit}`;
  return all(IsInt({ message }), Min(min, { message }), Max(max, { message }));
}

export const YES_OR_NO = 'true or false (also 1 or 0, yes or no, on or off)';

export function YesOrNo(): PropertyDecorator {
  return IsBoolean({ message: YES_OR_NO });
}

/** A value that the predicate accepts. */
export function Satisfies(
  message: string,
  test: (value: unknown) => boolean,
  options?: Pick<ValidationOptions, 'each'>,
): PropertyDecorator {
  return ValidateBy(
    { name: message, validator: { validate: test, defaultMessage: buildMessage(() => message) } },
    { ...options, message },
  );
}

/** Text of at least one character, which matches. */
export function Text(message: string, pattern = /^[^]+$/): PropertyDecorator {
  return Satisfies(message, (value) => typeof value === 'string' && pattern.test(value));
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function all(...decorators: readonly PropertyDecorator[]): PropertyDecorator {
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}
