"""Words of several languages that tell what a line, a column or a cell is."""

from __future__ import annotations

import re
import unicodedata


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def _starts(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\W*(?:" + "|".join(patterns) + ")", re.IGNORECASE)


TOTALS = _starts(
    r"(?:grand\s+|sub-?)?(?:totals?|sums?)\b",
    r"(?:summe|zwischensumme|gesamt(?:summe)?|insgesamt)\b",
    r"(?:total général|somme|totale|suma|totaal|summa|razem|celkem|toplam|i alt|yhteensä)\b",
    r"(?:итого|всего|合計)\b",
    r"(?:(?:anfangs|end|schluss|alt|neu)saldo|kontostand|übertrag|saldovortrag)\b",
    r"(?:(?:opening|closing|ending|starting|final) balance|balance (?:brought|carried) forward)\b",
    r"(?:solde (?:initial|final)|saldo (?:inicial|final|iniziale|finale))\b",
)
"""How a line of totals begins."""

ENDS = _starts(
    r"(?:generated|created|exported|printed|erstellt|erzeugt|exportiert|généré|generado|generato)\b",
    r"(?:end of|ende|eof|source:|quelle:|copyright|confidential|page \d|seite \d)\b",
    r"\d[\d.,]* (?:rows?|records?|lines?|entries|datensätze|zeilen|lignes|filas)\b",
    r"(?:rows?|records?|anzahl|number of|count|datensätze)\s*:?\s*\d",
)
"""How a line begins that tells of the file, not of the things in it."""

DASHES = "\u2013\u2014"

PLAIN_NULL_WORDS = words(
    """
    na n/a n.a. #n/a #na null (null) <null> nil nan : \\n - -- --- ? ?? ??? . .. ... empty (empty) k.a. #ref!
    #div/0! #value! #name? #null! undefined
    """
) | {"k. a.", "keine angabe", "not available", *DASHES}
"""Words for "not known" that are hardly ever anything else, in lower case: they count among texts, too."""

NULL_WORDS = (
    PLAIN_NULL_WORDS
    | words(
        """
        n.a none none. missing unknown unbekannt inconnu desconocido sconosciuto onbekend neznámé k.a keine
        nicht leer s/d s/i n/d nd n.d. not-available tbd tba
        """
    )
    | {"not known", "non disponible", "no data", "not applicable"}
)
"""All words for "not known", in lower case; among numbers and dates there is no doubt about them."""

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
    ("evet", "hayır"),  # noqa: RUF001  # Turkish
    ("да", "нет"),
    ("kyllä", "ei"),
    ("active", "inactive"),
)
"""Words for true and false, in lower case."""

UNITS = words(
    """
    °c °f k c f % ‰ m mm cm km kg g mg t l ml dl hl s ms min h d hpa pa kpa bar mbar v mv kv a ma w kw mw wh
    kwh hz khz mhz ghz m/s km/h mph kn ° deg m² m2 km² ha ac m³ m3 µm µg/m³ ppm ppb lux db oz lb lbs ft in mi
    gal usd eur gbp chf € $ £ w/m² w/m2 j kj mj nm rpm u/min iso utc cet n - pcs stk stück
    """
)
"""What may stand in a line of units, in lower case and without brackets."""

CURRENCIES = words(
    """
    € $ £ ¥ ₹ ₽ ₺ ₩ zł kč ft kr kr. fr. chf eur usd gbp jpy sek nok dkk pln czk huf cad aud nzd us$ r$ a$ c$
    rs rs. inr brl mxn try rub cny
    """
)
"""Signs and codes of currencies, in lower case."""

HEADER_WORDS = words(
    """
    id name date time day year month week no nr key code type class status state city country region zip
    address street email phone price amount quantity qty total value unit currency description comment note
    title sku item product article customer order invoice user account category group number count rate
    score start end from to at first last lat lon latitude longitude index rank version size weight height
    age sex gender store shop datum zeit tag jahr monat nummer bezeichnung artikel kunde kundennummer menge
    preis betrag ort plz strasse straße land währung lieferdatum rechnung bestellung filiale umsatz anzahl
    einheit vorname nachname konto bemerkung nom prénom ville pays prix quantité montant libellé client
    commande numéro adresse nombre apellido ciudad país precio cantidad fecha cliente pedido dirección data
    ora nome cognome città prezzo naam plaats prijs aantal namn ort pris antal nazwa miasto cena ilość kwota
    """
)
"""Words that name columns more often than they fill them."""

CODE_WORDS = words(
    """
    zip zipcode plz postleitzahl postcode postal postalcode cp cap phone fax telefon tel ean gtin isbn iban
    """
)
"""In a column's name: digits that are no amount, and may begin with a zero one day."""

ID_WORDS = words(
    """
    id ids no nr num number nummer numero key code uuid guid ref sku index idx row line zeile iban ean
    serial
    """
)
"""In a column's name: it may identify something."""


def words_of(name: str) -> list[str]:
    """Split a column's name into lower-case words: `shipToCity`, `ship_to_city`, `Ship to city`."""
    spaced = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def folded(text: str) -> str:
    """Lower case without accents: for comparing words of headers."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
