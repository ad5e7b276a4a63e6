import {
  ArrayMinSize,
  buildMessage,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
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

/** One of some words. */
export function OneOf(words: readonly unknown[], message = words.join(', ')): PropertyDecorator {
  return IsIn(words, { message });
}

/** A list, not empty, of what the other decorators of the property ask for. */
export function ListOf(message: string): PropertyDecorator {
  return all(IsArray({ message }), ArrayMinSize(1, { message }));
}

/** A list, not empty, of addresses that pass their own checks. */
export function Addresses(): PropertyDecorator {
  const message = 'addresses as host:port, separated by commas';
  return all(ListOf(message), ValidateNested({ each: true, message }));
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
