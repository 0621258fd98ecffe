"""The order of characters in the root collation of CLDR 42, as far as it is told one by one.

Derived from the Unicode Common Locale Data Repository (© Unicode, Inc., Unicode License): the characters of
Latin, Greek and Cyrillic texts up to U+052F, of the blocks Latin Extended-C, Latin Extended Additional, General
Punctuation, Currency Symbols and Letterlike Symbols. Upper case, and what decomposes, follows from these.
"""
# ruff: noqa: RUF001 - characters that look alike are what this is about

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SPACES: Final = "\t\n\x0b\x0c\r\x85\u2028\u2029 "
"""White space, and the controls that are."""

PUNCTUATION: Final = "‾_‗-‐‒–—―⁓,;⁏:!¡?¿‽.·⁕⁖⁘⁙⁚⁛⁜⁝⁞'‘’‚‛‹›\"“”„‟«»()[]{}⁅⁆‖§¶⁋@*⁎⁑/\\&⁊#%‰‱†‡•‣‧⁃⁌⁍′‵‸※‿⁔⁀⁐⁁⁂"
"""Punctuation."""

SYMBOLS: Final = (
    "`´˜^¯˘˙¨˚˝¸˛᾽῾῀ʹ͵ʺ˂˃˄˅ˆˇˈˉˊˋˌˍˎˏ˒˓˔˕˖˗˞˟˥˦˧˨˩˪˫ˬ˭˯˰˱˲˳˴˵˶˷˸˹˺˻˼˽˾˿°҂©®℄℈℔℗℘℞℟℣℥℧℩℮℺⅁⅂⅃⅄⅊⅌⅏϶+±÷×<=>¬|¦~⁒⁄⅋ːˑ"
)
"""Symbols, but those of currencies."""

CURRENCIES: Final = "¤¢$£¥₠₡₢₣₤₥₦₧₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿⃀₨"
"""Symbols of currencies."""

DIGITS: Final = "0123456789"
"""Digits; those of other scripts have the same places."""

LETTERS: Final = (
    "aⱥɐɑɒbʙƀɓƃcȼƈɕdɖɗƌȡẟeɇⱸǝⱻəɛɘɚɜɝɞʚɤfƒⅎgɡɢǥɠʛɣƣhʜƕɦⱨⱶɧʻʽiıɪɨɩjȷɉʝɟʄkƙⱪʞlʟƚⱡɫɬɭȴɮƛʎmɱnɴɲƞɳȵŋoɶɔⱺɵɷȣpƥɸⱷ"
    "qʠɋĸrʀɍɹɺɻⱹɼɽɾɿʁsʂȿẜẝʃƪʅʆtŧⱦƫƭʈȶʇuʉɥʮʯɯɰʊvʋⱱⱴỽʌwⱳʍxyʏɏƴỿȝzƶȥʐʑɀⱬʒƹƺʓþƿƻƨƽƅʔɂˀʼˮʾʕʿˁʡʢʖǀǁǂǃʗʘʬʭαβγδεϝ"
    "ͷϛζͱηθιϳκλμνξοπϻϟϙρϼσͼͻͽτυφχψωϡͳϸϣϥϧϩϫϭϯаәӕбвгғӻҕӷдԁђԃҙеєжԫҗзԅԑѕӡԇиҋійјкқӄҡҟҝԟԛлӆԯԓԡљԉԕмӎнԩӊңӈԣҥњԋоө"
    "пԥҧҁрҏԗсԍҫтԏҭћуүұѹфхӽӿҳһԧѡѿѽѻцҵчԭҷӌҹҽҿџшщъыьҍѣэюяԙѥѧѫѩѭѯѱѳѵҩԝӏ"
)
"""Letters in lower case: Latin, Greek, Cyrillic."""

MARKS: Final = (
    "0332 0313=0486 0314=0485 0301 0300 0306 0302 030C 030A 0342 0308 030B 0303 0307 0338 0327 0328 0304 "
    "030D=030E=0312=0315=031A=033D=033E=033F=0346=034A=034B=034C=0350=0351=0352=0357=035B=035D=035E=0484=0487 "
    "0316=0317=0318=0319=031C=031D=031E=031F=0320=0329=032A=032B=032C=032F=0333=033A=033B=033C=0347=0348=0349"
    "=034D=034E=0353=0354=0355=0356=0359=035A=035C=035F=0362 0336=0337 0335 0305 0309 030F 0310 0311 031B "
    "0321 0322 0323 0324 0325 0326 032D 032E 0330 0331 0334 0339 0345 0358 0360 0361 0483"
)
"""Combining marks by code point, in the order of their secondary weights; ``=`` between equal ones."""

EXPANSIONS: Final[Mapping[str, str]] = {
    "ø": "o\u0338",
    "đ": "d\u0335",
    "ħ": "h\u0335",
    "ł": "l\u0335",
    "΄": "´",
    "᾿": "᾽",
}
"""Letters with a stroke, which count as accented though Unicode does not decompose them, and equal signs."""

VARIANTS: Final[Mapping[str, str]] = {
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
    "ð": "d",
    "ґ": "г",
    "ſ": "s",
}
"""Letters that differ from others, or a pair of others, as accented ones do: after those, before the accented."""

FORMS: Final[Mapping[str, str]] = {
    "ς": "σ",
    "ͺ": "ι",
    "ƍ": "zw",
    "ƾ": "ts",
    "ȸ": "db",
    "ȹ": "qp",
    "ʣ": "dz",
    "ʦ": "ts",
    "ʪ": "ls",
    "ʫ": "lz",
    "ϗ": "και",
    "ỻ": "ll",
}
"""Forms of letters, and of several joined, that Unicode does not decompose."""
