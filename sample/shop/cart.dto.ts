import { IsIn } from 'class-validator';
import { PRODUCTS } from './products.js';

/** Names a product of the shop. */
export class ProductDto {
  @IsIn(PRODUCTS.map((product) => product.id), { message: 'There is no such product.' })
  product!: string;
}
