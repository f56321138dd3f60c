"""Words that tell of persons: first names, and what columns of personal data are called."""

from __future__ import annotations

from etl_assets.inspection.lexicon import words

FIRST_NAMES = words(
    """
    james john robert michael william david richard joseph thomas charles daniel matthew anthony mark donald
    steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary
    nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander
    patrick jack dennis jerry mary patricia jennifer linda elizabeth barbara susan jessica sarah karen nancy
    lisa betty margaret sandra ashley kimberly emily donna michelle carol amanda melissa deborah stephanie
    rebecca sharon laura cynthia kathleen amy angela anna emma olivia sophia isabella mia charlotte amelia
    julia alice hannah lena lea marie sophie leonie hans peter klaus jurgen wolfgang dieter manfred uwe
    bernd horst gunter helmut heinz werner gerhard walter franz josef karl stefan andreas christian markus
    sebastian tobias florian lukas leon felix jonas maximilian moritz jan ursula monika petra sabine renate
    helga karin ingrid erika andrea gisela christa brigitte claudia susanne kathe katharina heike birgit
    martina nicole anja silke katrin jean pierre michel philippe alain andre jacques bernard nathalie
    isabelle sylvie catherine francoise jacqueline monique camille manon chloe luc jose antonio manuel
    francisco juan javier carlos jesus miguel angel rafael pedro luis maria carmen josefa isabel dolores
    pilar teresa giuseppe giovanni mario luigi roberto marco francesco luca giulia chiara paolo soren lars
    niels anders erik sven bjorn ole per henrik mette hanne inge astrid piotr krzysztof andrzej tomasz pawel
    marcin michal ewa agnieszka malgorzata katarzyna joao paulo rui tiago zoe mohammed mohamed ahmed ali
    hassan fatima aisha wei li ming hiroshi yuki kenji priya rahul amit anil sunita ivan sergei dmitri olga
    natalia svetlana
    """
)
"""Common first names, in lower case and without accents."""

NAME_WORDS = words(
    """
    vorname nachname familienname vollname surname forename firstname lastname fullname middlename givenname
    prenom apellido apellidos cognome achternaam voornaam fornavn efternavn etternavn fornamn efternamn imie
    nazwisko sobrenome ansprechpartner kontaktperson contactperson geburtsname maidenname patientname
    customername kundenname
    """
)
"""In a column's name: the name of a person."""

NO_PERSONS = words(
    """
    product produkt artikel article item file company firma brand marke store shop filiale hospital brewery
    event station category kategorie city stadt ort place town country land state region county street
    strasse measure style material model modell title titel
    """
)
"""In a column's name: whatever first names its cells hold, they are no persons'."""

PERSON_WORDS = words(
    """
    patient patienten patientin kunde kundin customer client employee mitarbeiter mitarbeiterin member
    mitglied student schuler pupil guest gast teacher lehrer doctor arzt physician driver fahrer owner
    inhaber tenant mieter passenger applicant bewerber contact author empleado cliente paciente salarie
    medewerker klant
    """
)
"""In a column's name: its cells are persons, if they are written like names."""

NAME_PAIRS = frozenset(
    (one, "name") for one in ("first", "last", "full", "family", "given", "middle", "contact")
)

KIND_WORDS = {
    "phone": words(
        "phone telephone telefon telefono tel mobile mobil handy fax telefonnummer rufnummer gsm mobilnummer"
    ),
    "iban": words("iban kontonummer bankverbindung"),
    "card number": words("creditcard kreditkarte cardnumber kartennummer ccnumber"),
    "address": words(
        """
        address adresse anschrift street strasse direccion indirizzo adres adress rue calle wohnort
        hausnummer endereco
        """
    ),
    "birth date": words(
        """
        birthdate birthday dob geburtsdatum geburtstag geboren birth dateofbirth naissance nacimiento
        nascita
        """
    ),
    "national id": words(
        """
        ssn nino personnummer cpf nif dni nie bsn pesel aadhaar passport passportnumber reisepass passnummer
        personalausweis steuerid sozialversicherungsnummer svnr nir codicefiscale cpr
        """
    ),
}
"""Kind of personal data -> words in a column's name."""
