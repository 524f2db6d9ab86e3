/** Quantities of resources. */
export { quantityMilli, quantityValue } from './amounts.ts';
export { QuantityError, type QuantityFormat } from './parse.ts';
export { Quantity } from './quantity.ts';
