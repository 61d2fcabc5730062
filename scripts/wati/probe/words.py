"""The words that may leave the machine: what services say in errors, and nothing that is anyone's own.

A word that is not listed is not shown. So nothing personal can be in a capture, whatever an answer says.
"""

from __future__ import annotations

import re

_WORDS = """
a about accept accepted access account active activity add added address after again all allow allowed
already also an and another any api api_key app application approved are argument array as assigned at
attachment attribute attributes audio auth authenticate authentication authentication_error authorization
authorized available back bad balance basic be bearer been before between blank blocked body boolean bot
broadcast broadcast_name broadcastmessage but button buttons by bytes call calls can cannot card cards
category channel channel_number character characters chat check chosen client close closed code collection
column columns completed configured conflict connect connected connection connections consecutive contact
contacts content content-type conversation converted could country create created createddate credentials
credit csv custom custom_params customer customparams data date day default deleted delivered delivery
denied detail different disabled disallowed do document documentation does done draft duplicate duplicated
each either email empty emulated enabled encountered endpoint engagement enough entered entity entries enum
enumerable error errors every exceed exceeded exceeds exception exist existing exists expected expired extra
failed failure false field field_required fields file filename files filter first footer for forbidden form
form-data format found from full gateway get given group guid has have header headers healthy hour hours
html http https id ids ietf if image in inactive incorrect info information input insufficient int32 integer
interactive internal invalid invalid_request_error is it item items its json jwt key kind language large
last later length less like limit limited link list local location login long longer lookup maintain
maintenance many match maton maton-connection max maximum may mcp media member message messages messagetext
method min minimum minute minutes missing mode model more most must name named names need needed needs newer
next no non-empty none not nothing null number numbers oauth1 oauth2 object occurred of off ogg ok on one
only open operation operator operators or order org other out outside page pagenumber pagesize pair
parameter parameters parse part password path paused payload payment pending per permission permissions
permitted person phone phonenumber plain plan please positive post present preview probe problem process
processing provide provided put query queue queued quota range rate rate_limit_error re re-engagement
reached reaction read receiver receivers recipient recipients records refused registered reject rejected
replied request requested requests require required resource response result results retry retry-after rfc
rfc7231 role row rows scope scopes second seconds section sections see send sender sending sent serializer
server service session set short should since size solved some something space spaces specified started
state status sticker string string_type subscription success successful successfully support supported
supports system system.string target team template template_name templates temporarily tenant text than that
the there these this ticket time timeout title titles to token too tools trial true try type typos unable
unauthorized undefined undeliverable under unexpected unique unknown unprocessable unspecified unsupported
until updated upload uploaded uri url usage use used user users utc valid validation validations value
value_error value_type values verify version video voice waba wait was wati wati-probe-nothing wati_probe
wati_probe_nothing we web webhook were whatsapp whatsappnumber whatsappnumbers when which whole window with
within without wrong x-www-form-urlencoded yet you your zero
"""
KNOWN = frozenset(_WORDS.split())
# What stands for a word that is not shown, and for digits; a run of either is shown once.
HIDDEN, DIGITS = "…", "#"
LONGEST = 300

# A name of several words is one token ("form-data"), and so are the digits of one written number.
_TOKEN = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(?:[-.@][A-Za-z0-9_]+)*|[0-9](?:[0-9 ()+./-]*[0-9])?|\s+|[^\sA-Za-z0-9_]"
)
# Statuses and small limits have no more than three digits, WhatsApp's codes are 13 and four digits.
_NUMBER = re.compile("[0-9]{1,3}|13[0-9]{4}|1000|1024|4096")
_CODE = re.compile("13[0-9]{4}")
_MARKS = frozenset(".,:;!?'\"()[]{}/-$#=<>&*+")


def plain(text: str) -> str:
    """A text with only the listed words."""
    shown: list[str] = []
    tokens = _TOKEN.findall(text[: LONGEST * 4])
    # Beside a word that is not shown, a number can be that of a house.
    numbers = _NUMBER if all(map(_is_listed, tokens)) else _CODE
    for token in tokens:
        if token.isspace():
            piece = " "
        elif token[0] in "0123456789":
            piece = token if numbers.fullmatch(token) else DIGITS
        else:
            piece = token if _is_listed(token) else HIDDEN
        shown.append(piece)
    # How many words a name has is its own, too.
    return re.sub(rf"{HIDDEN}(?:\s*{HIDDEN})+", HIDDEN, "".join(shown).strip())[:LONGEST]


def _is_listed(token: str) -> bool:
    return token.lower() in KNOWN or token in _MARKS or token[0] in "0123456789" or token.isspace()


def is_plain(text: str) -> bool:
    return HIDDEN not in plain(text) and DIGITS not in plain(text)
