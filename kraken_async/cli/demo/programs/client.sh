# A program in shell: URL TOKEN CALLS CURL. It signs nothing at all: the gateway does.
# Prints Kraken's answer to each call, a line each.
url=$1 token=$2 calls=$3 curl=$4
number=0
while [ "$number" -lt "$calls" ]; do
  "$curl" -sS "$url/0/private/OpenOrders" -H "API-Key: $token" -d nonce=1
  echo
  number=$((number + 1))
done
