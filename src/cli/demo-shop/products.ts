export interface Product {
  sku: string;
  name: string;
  category: string;
  priceCents: number;
  stock: number;
  description: string;
}

/** Category, then one product a line: name, price in cents, pieces in stock. The order gives the SKUs, so new ones go to the end. */
const RANGE: Record<string, [name: string, priceCents: number, stock: number][]> = {
  Ropes: [
    ["Braided rope 6 mm, 20 m", 1490, 34],
    ["Braided rope 8 mm, 20 m", 1990, 28],
    ["Braided rope 10 mm, 30 m", 3450, 19],
    ["Mooring rope 12 mm, 10 m", 2790, 22],
    ["Mooring rope 14 mm, 15 m", 4190, 11],
    ["Anchor rope 12 mm, 50 m", 7900, 7],
    ["Floating rope 8 mm, 25 m", 2250, 16],
    ["Hemp rope 10 mm, 10 m", 1850, 40],
    ["Rope bag, canvas", 2450, 9],
    ["Rope cutter, electric", 6990, 3],
    ["Rope thimble 8 mm, pair", 390, 120],
    ["Splicing kit for rope", 3290, 14],
  ],
  Anchors: [
    ["Folding anchor 3.2 kg", 3990, 12],
    ["Plough anchor 7 kg", 8900, 6],
    ["Plough anchor 10 kg", 11900, 4],
    ["Mushroom anchor 5 kg", 4450, 8],
    ["Anchor chain 8 mm, 10 m", 6490, 10],
    ["Anchor buoy, orange", 1590, 25],
  ],
  Lamps: [
    ["Navigation lamp, port", 2990, 15],
    ["Navigation lamp, starboard", 2990, 15],
    ["Anchor lamp, LED", 4590, 9],
    ["Head lamp 400 lm", 3450, 31],
    ["Storm lantern, brass", 5900, 5],
    ["Deck torch, waterproof", 2190, 27],
  ],
  Clothing: [
    ["Deck gloves, size M", 1790, 33],
    ["Deck gloves, size L", 1790, 29],
    ["Sailing jacket, size M", 14900, 6],
    ["Sailing jacket, size L", 14900, 0],
    ["Wool cap, navy", 1990, 48],
    ["Rubber boots, size 42", 5490, 12],
    ["Life vest 150 N", 9900, 17],
  ],
  Galley: [
    ["Enamel mug, white", 890, 75],
    ["Enamel mug, blue", 890, 62],
    ["Gimballed stove, two flames", 24900, 2],
    ["Kettle 1.5 l", 3290, 13],
    ["Water canister 20 l", 1690, 24],
  ],
  Navigation: [
    ["Hand-bearing compass", 6450, 8],
    ["Chart dividers, brass", 2790, 18],
    ["Parallel ruler 45 cm", 1990, 21],
    ["Tide clock", 4490, 7],
  ],
};

/** The same products in the same order on every start. */
const PRODUCTS: readonly Product[] = Object.entries(RANGE)
  .flatMap(([category, products]) => products.map(([name, priceCents, stock]) => ({ category, name, priceCents, stock })))
  .map((product, index) => ({
    sku: `HS-${1001 + index}`,
    ...product,
    description: `${product.name} from our ${product.category.toLowerCase()} department. Tested on deck, made to last, and repaired free of charge for three years.`,
  }));

export function findProduct(sku: string): Product | undefined {
  return PRODUCTS.find((product) => product.sku === sku);
}

/** Every word has to occur in the name, the category or the SKU; no words find everything. Ordered by name. */
export function searchProducts(query: string): Product[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = PRODUCTS.filter(({ sku, name, category }) => {
    const text = `${sku} ${name} ${category}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return matches.toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

export function formatPrice(cents: number): string {
  return (cents / 100).toFixed(2);
}
