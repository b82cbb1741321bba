// The steps through npm's kraken-api: prints one line of JSON. Arguments: URL, key, secret, control URL, token.
const Client = require('kraken-api');
const [url, key, secret, control, token] = process.argv.slice(2);
const api = new Client(key, secret, { url, timeout: 20000 });
const plain = (number) => String(Number(number));
// Its nonce is the millisecond of the clock, and it writes it into the object it is given.
const pause = () => new Promise((resolve) => { setTimeout(resolve, 3); });
const call = async (name, fields = {}) => { await pause(); return (await api.api(name, { ...fields })).result; };
const place = async (fields) => (await call('AddOrder', fields)).txid[0];
const shown = async (txid) => (await call('QueryOrders', { txid }))[txid];
const positions = async () => call('OpenPositions', { consolidation: 'market' });
const move = (price) => fetch(`${control}/emulator/prices`, {
  method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: JSON.stringify({ XBTUSD: price }),
});

const limit = { pair: 'XBTUSD', type: 'buy', ordertype: 'limit', price: '37500', volume: '0.333333333333' };
const market = { pair: 'XBTUSD', type: 'buy', ordertype: 'market', volume: '0.5' };
const stop = { pair: 'XBTUSD', type: 'sell', ordertype: 'stop-loss', price: '50000', volume: '0.1' };
const long = { ...market, volume: '0.1', leverage: '2' };

(async () => {
  const told = {};
  told['dollars at the start'] = plain((await call('Balance')).ZUSD);
  told['last price'] = plain((await call('Ticker', { pair: 'XBTUSD' })).XXBTZUSD.c[0]);
  const resting = await place(limit);
  let order = (await call('OpenOrders')).open[resting];
  told['limit order, its volume cut to the lot'] = [
    order.descr.type, order.descr.ordertype, plain(order.descr.price), plain(order.vol)];
  await call('CancelOrder', { txid: resting });
  told['open orders once it is cancelled'] = Object.keys((await call('OpenOrders')).open).length;
  order = await shown(await place(market));
  told['market order'] = [order.status, plain(order.vol_exec), plain(order.cost)];
  const stopping = await place(stop);
  order = await shown(stopping);
  told['stop loss'] = [order.descr.ordertype, plain(order.descr.price)];
  await call('CancelOrder', { txid: stopping });
  const trail = await place({ ...stop, ordertype: 'trailing-stop', price: '+5%' });
  await move('66000');
  const rising = (await shown(trail)).status;
  await move('62000');
  told['trailing stop after a rise and after a fall'] = [rising, (await shown(trail)).status];
  await place(long);
  let rows = await positions();
  told['long position'] = [rows.length, rows[0].type, plain(rows[0].vol)];
  await place({ ...long, type: 'sell' });
  rows = await positions();
  told['positions once it is closed'] = rows.length;
  told['order that costs more than there is'] = await place({ ...limit, volume: '1000000' })
    .then(() => 'it was placed', (error) => (/insufficient funds/i.test(error.message) ? 'Insufficient funds' : String(error)));
  console.log(JSON.stringify(told));
})().catch((error) => { console.error(error); process.exit(1); });
