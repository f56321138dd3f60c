"""Words of several languages that tell what a line, a column or a cell is."""

from __future__ import annotations

import re
import unicodedata

TOTALS = re.compile(
    r"(?i)\W*(?:grand\s+|sub-?)?(?:totals?|sums?|summe|zwischensumme|gesamt(?:summe)?|insgesamt|total général|somme|"
    r"totale|suma|totaal|summa|razem|celkem|итого|всего|合計|toplam|i alt|yhteensä)\b"
)
"""How a line of totals begins."""

ENDS = re.compile(
    r"(?i)\W*(?:generated|created|exported|printed|erstellt|erzeugt|exportiert|généré|generado|generato|end of"
    r"|ende\b|eof\b|source:|quelle:|\d[\d.,]* (?:rows?|records?|lines?|entries|datensätze|zeilen|lignes|filas)\b"
    r"|(?:rows?|records?|anzahl|number of|count|datensätze)\s*:?\s*\d|page \d|seite \d|©|copyright|confidential)"
)
"""How a line begins that tells of the file, not of the things in it."""

NULL_WORDS = frozenset(
    ["na", "n/a", "n.a.", "n.a", "#n/a", "#na", "null", "(null)", "<null>", "none", "nil", "nan", "\\n", "-", "--", "---", "–", "—", "?", "??", "???", ".", "..", "...", "empty", "(empty)", "missing", "unknown", "unbekannt", "inconnu", "desconocido", "sconosciuto", "onbekend", "neznámé", "k.a.", "k.a", "keine", "nicht", "leer", "s/d", "s/i", "n/d", "nd", "n.d.", "not-available", "tbd", "tba", "#ref!", "#div/0!", "#value!", "#name?", "#null!", "undefined", "none."]
) | {"not available", "not known", "k. a.", "keine angabe", "non disponible", "no data", "not applicable"}
"""Words for "not known", in lower case."""

PLAIN_NULL_WORDS = frozenset(
    ["na", "n/a", "n.a.", "#n/a", "#na", "null", "(null)", "<null>", "nil", "nan", "\\n", "-", "--", "---", "–", "—", "?", "??", "???", ".", "..", "...", "empty", "(empty)", "k.a.", "#ref!", "#div/0!", "#value!", "#name?", "#null!", "undefined"]
) | {"k. a.", "keine angabe", "not available"}
"""Those that are hardly ever anything else, so that they count among texts, too."""

BOOLEANS: tuple[tuple[str, str], ...] = (
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("t", "f"),
    ("on", "off"),
    ("ja", "nein"),
    ("j", "n"),
    ("ja", "nee"),
    ("ja", "nej"),
    ("wahr", "falsch"),
    ("oui", "non"),
    ("o", "n"),
    ("vrai", "faux"),
    ("sí", "no"),
    ("si", "no"),
    ("s", "n"),
    ("sì", "no"),
    ("vero", "falso"),
    ("verdadeiro", "falso"),
    ("sim", "não"),
    ("tak", "nie"),
    ("ano", "ne"),
    ("igen", "nem"),
    ("evet", "hayır"),
    ("да", "нет"),
    ("kyllä", "ei"),
    ("active", "inactive"),
)
"""Words for true and false, in lower case."""

UNITS = frozenset(
    ["°c", "°f", "k", "c", "f", "%", "‰", "m", "mm", "cm", "km", "kg", "g", "mg", "t", "l", "ml", "dl", "hl", "s", "ms", "min", "h", "d", "hpa", "pa", "kpa", "bar", "mbar", "v", "mv", "kv", "a", "ma", "w", "kw", "mw", "wh", "kwh", "hz", "khz", "mhz", "ghz", "m/s", "km/h", "mph", "kn", "°", "deg", "m²", "m2", "km²", "m³", "m3", "µm", "µg/m³", "ppm", "ppb", "lux", "db", "oz", "lb", "lbs", "ft", "in", "mi", "gal", "usd", "eur", "gbp", "chf", "€", "$", "£", "w/m²", "w/m2", "j", "kj", "mj", "nm", "rpm", "u/min", "iso", "utc", "cet", "date", "string", "int", "float", "text", "number", "-", "n", "pcs", "stk", "stück"]
)
"""What may stand in a line of units, in lower case and without brackets."""

HEADER_WORDS = frozenset(
    ["id", "name", "date", "time", "day", "year", "month", "week", "no", "nr", "key", "code", "type", "class", "status", "state", "city", "country", "region", "zip", "address", "street", "email", "phone", "price", "amount", "quantity", "qty", "total", "value", "unit", "currency", "description", "comment", "note", "title", "sku", "item", "product", "article", "customer", "order", "invoice", "user", "account", "category", "group", "number", "count", "rate", "score", "start", "end", "from", "to", "at", "first", "last", "lat", "lon", "latitude", "longitude", "index", "rank", "version", "size", "weight", "height", "age", "sex", "gender", "store", "shop", "datum", "zeit", "tag", "jahr", "monat", "nummer", "bezeichnung", "artikel", "kunde", "kundennummer", "menge", "preis", "betrag", "ort", "plz", "strasse", "straße", "land", "währung", "lieferdatum", "rechnung", "bestellung", "filiale", "umsatz", "anzahl", "einheit", "vorname", "nachname", "konto", "bemerkung", "nom", "prénom", "ville", "pays", "prix", "quantité", "montant", "libellé", "code_postal", "client", "commande", "numéro", "adresse", "nombre", "apellido", "ciudad", "país", "precio", "cantidad", "fecha", "cliente", "pedido", "dirección", "data", "ora", "nome", "cognome", "città", "prezzo", "naam", "plaats", "prijs", "aantal", "namn", "ort", "pris", "antal", "nazwa", "miasto", "cena", "ilość", "kwota"]
)
"""Words that name columns more often than they fill them."""


def words_of(name: str) -> list[str]:
    """Split a column's name into lower-case words: `shipToCity`, `ship_to_city`, `Ship to city`."""
    spaced = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def folded(text: str) -> str:
    """Lower case without accents: for comparing words of headers."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
