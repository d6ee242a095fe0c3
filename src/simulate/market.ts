/**
 * Invents what messages say: prices that walk, swaps, books, signals. Spelled as the encoder wants it: 64
 * and 128 bits as decimal text, bytes as hex, prices and sizes times 10^8. Times inside of messages count
 * from a fixed instant, so that the same seed gives the same bytes.
 */
import { defined } from '../lib/assert.ts';
import type { Dialect, FieldValues } from '../protocol/types.ts';
import type { Random } from '../lib/random.ts';
import { numberOf, toNs } from './traffic.ts';
import type { Content } from './traffic.ts';

/** 2025-08-24 in ns, the days of the real traffic. */
const EPOCH_NS = 1_756_000_000_000_000_000n;
const FIRST_BLOCK = 75_123_456;
const BLOCK_MS = 2_000;
const POLYGON_CHAIN = 137;
const FLASH_ARBITRAGE = 21;

/** Up to eight ASCII characters, most significant first: how the identifiers of coins are made. */
const ASSETS = [
  { id: 0x4254435553440000n, price: 6_500_000_000_000 },
  { id: 0x4554485553440000n, price: 260_000_000_000 },
] as const;

const POOLS = [
  '45dda9cb7c25131df268515131f647d726f50608',
  '6e7a5fafcec6bb1e78bae2a1f0b612012bf14827',
] as const;
const WETH = '7ceb23fd6bc0add59e62ac25578270cff1b9f619';
const USDC = '2791bca1f2de4661ed88a30c99a7a9449aa84174';

const BOOK_LEVELS_MAX = 50;
/** One tenth of a unit between the levels of a book. */
const TICK = 10_000_000;

export class Market {
  readonly #random: Random;
  readonly #exchange: FieldValues;
  readonly #dex: number;
  readonly #prices: number[] = ASSETS.map(({ price }) => price);
  #bookSequence = 0;
  #signalCount = 0n;

  constructor(dialect: Dialect, random: Random) {
    const venues = defined(dialect.enums.get('VenueId'), 'VenueId');
    const assetTypes = defined(dialect.enums.get('AssetType'), 'AssetType');
    this.#random = random;
    this.#exchange = {
      venue_id: numberOf(venues, 'Kraken'),
      asset_type: numberOf(assetTypes, 'Coin'),
      reserved: 0,
    };
    this.#dex = numberOf(venues, 'UniswapV3', 'Polygon');
  }

  trade(atMs: number): Content {
    const { id, price } = this.#nextAsset();
    const values = {
      asset_id: id,
      price: String(price),
      volume: this.#size(),
      execution_timestamp_ns: instant(atMs),
      ...this.#exchange,
      side: this.#random.integer(0, 1),
    };
    return { type: 'Trade', values };
  }

  quote(atMs: number): Content {
    const { id, price } = this.#nextAsset();
    const spread = this.#random.integer(1, 20) * TICK;
    const values = {
      asset_id: id,
      bid_price: String(price),
      bid_size: this.#size(),
      ask_price: String(price + spread),
      ask_size: this.#size(),
      quote_timestamp_ns: instant(atMs),
      ...this.#exchange,
    };
    return { type: 'Quote', values };
  }

  poolSwap(atMs: number): Content {
    const values = {
      amount_in: `${this.#random.integer(1, 9_999)}${this.#digits(15)}`,
      amount_out: String(this.#random.integer(1_000_000, 99_999_999_999)),
      liquidity_after: `${this.#random.integer(1, 9_999)}${this.#digits(15)}${this.#digits(5)}`,
      timestamp_ns: instant(atMs),
      block_number: String(blockAt(atMs)),
      tick_after: this.#random.integer(-205_000, -195_000),
      venue: this.#dex,
      amount_in_decimals: 18,
      amount_out_decimals: 6,
      pool_address: this.#random.pick(POOLS),
      token_in_addr: WETH,
      token_out_addr: USDC,
      sqrt_price_x96_after: `${this.#hexBytes(10)}${'00'.repeat(22)}`,
    };
    return { type: 'PoolSwap', values };
  }

  gasPrice(atMs: number): Content {
    const base = this.#random.integer(25, 60);
    const priority = this.#random.integer(1, 5);
    const values = {
      block_number: String(blockAt(atMs)),
      timestamp_ns: instant(atMs),
      gas_price_gwei: base + priority,
      base_fee_gwei: base,
      priority_fee_gwei: priority,
      venue: POLYGON_CHAIN,
      reserved: 0,
    };
    return { type: 'GasPrice', values };
  }

  orderBook(atMs: number): Content {
    const { id, price } = this.#nextAsset();
    this.#bookSequence += 1;
    const values = {
      snapshot_timestamp_ns: instant(atMs),
      sequence: String(this.#bookSequence),
      precision_factor: '100000000',
      asset_id: id,
      ...this.#exchange,
      bids: this.#levels(price, -TICK),
      asks: this.#levels(price + TICK, TICK),
    };
    return { type: 'OrderBook', values };
  }

  arbitrageSignal(atMs: number): Content {
    this.#signalCount += 1n;
    const costs = {
      dex: 300_000_000,
      gas: this.#random.integer(1, 9) * 1_000_000,
      slip: 20_000_000,
    };
    const profit = this.#random.integer(500_000_000, 5_000_000_000);
    const values = {
      strategy_id: FLASH_ARBITRAGE,
      signal_id: String(EPOCH_NS + this.#signalCount),
      chain_id: POLYGON_CHAIN,
      source_pool: POOLS[0],
      target_pool: POOLS[1],
      source_venue: this.#dex,
      target_venue: this.#dex,
      token_in: USDC,
      token_out: WETH,
      expected_profit_usd_q8: String(profit),
      required_capital_usd_q8: '1000000000000',
      spread_bps: this.#random.integer(20, 90),
      dex_fees_usd_q8: String(costs.dex),
      gas_cost_usd_q8: String(costs.gas),
      slippage_usd_q8: String(costs.slip),
      net_profit_usd_q8: String(profit - costs.dex - costs.gas - costs.slip),
      slippage_tolerance_bps: 50,
      max_gas_price_gwei: 100,
      valid_until: Number(EPOCH_NS / 1_000_000_000n) + Math.floor(atMs / 1000) + 300,
      priority: this.#random.integer(100, 900),
      timestamp_ns: instant(atMs),
    };
    return { type: 'ArbitrageSignal', values };
  }

  /** One of the assets, its price one step further. */
  #nextAsset(): { readonly id: string; readonly price: number } {
    const index = this.#random.integer(0, ASSETS.length - 1);
    const asset = defined(ASSETS[index], 'asset');
    const price = (this.#prices[index] ?? asset.price) + this.#random.integer(-50, 50) * TICK;
    this.#prices[index] = price;
    return { id: String(asset.id), price };
  }

  #levels(from: number, step: number): FieldValues {
    const count = this.#random.integer(5, BOOK_LEVELS_MAX);
    const elements = Array.from({ length: count }, (_, level) => ({
      price: String(from + level * step),
      size: this.#size(),
      order_count: this.#random.integer(0, 12),
      reserved: 0,
    }));
    return { count, elements };
  }

  #size(): string {
    return String(this.#random.integer(100_000, 500_000_000));
  }

  #digits(count: number): string {
    return String(this.#random.integer(0, 10 ** count - 1)).padStart(count, '0');
  }

  #hexBytes(count: number): string {
    return Array.from({ length: count }, () =>
      this.#random.integer(0, 255).toString(16).padStart(2, '0'),
    ).join('');
  }
}

function instant(atMs: number): string {
  return String(EPOCH_NS + toNs(atMs));
}

function blockAt(atMs: number): number {
  return FIRST_BLOCK + Math.floor(atMs / BLOCK_MS);
}
