"""Units of quantities, in both languages: how each is written, and what it measures.

A unit is a dimension and a factor to that dimension's base, so that 1,000 ms and 1 秒 are
one quantity. Counts of things (papers, 个, tokens) have no unit worth comparing: they are
all `COUNT`.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple


class Unit(NamedTuple):
    """What a number counts: `name` is the dimension, `factor` leads to its base unit."""

    name: str
    factor: Decimal = Decimal(1)


BARE = Unit("")
COUNT = Unit("count")
REPEATED = Unit("repeated")
PERCENT = Unit("percent")
POINTS = Unit("points")
TIMES = Unit("times")
KELVIN = Unit("kelvin")
COUNTS = frozenset({BARE, COUNT, REPEATED})
"""What has no unit worth comparing: numbers alone, things, and how often something is done."""

# Each line: dimension, factor to its base, how it is written in English | in Chinese.
TABLE = """
percent 1 %|percent|per cent|pct|％|％
points 1 percentage points|percentage-points|percentage-point|percentage point|percent points|pp
points 1 p.p.|pts|points|point|个百分点|百分点|个点
points 0.01 basis points|basis point|basis-points|basis-point|bps|个基点|基点
mark 1 分
times 1 x|×|X|times|time|fold|倍
repeated 1 次|轮|回|遍
time 1e-15 fs|femtoseconds|femtosecond|飞秒
time 1e-12 ps|picoseconds|picosecond|皮秒
time 1e-9 ns|nanoseconds|nanosecond|纳秒
time 1e-6 us|μs|µs|microseconds|microsecond|微秒
time 1e-3 ms|msec|milliseconds|millisecond|毫秒
time 1 s|sec|secs|seconds|second|秒|秒钟
time 60 min|mins|minutes|minute|分钟
time 3600 h|hr|hrs|hours|hour|小时
time 86400 days|day|天|日
time 604800 weeks|week|周|星期
time 2592000 months|month|个月|月
time 31536000 years|year|yr|yrs|yo|年|岁
time 31536e6 kyr
time 31536e9 Myr
time 31536e12 Gyr
byte 1 bytes|byte|字节
byte 1e3 KB|kB|KiB
byte 1e6 MB|MiB
byte 1e9 GB|GiB
byte 1e12 TB|TiB
byte 1e15 PB|PiB
bit 1 bits|bit|比特|位
length 1e-15 fm|飞米
length 1e-10 Å|angstroms|angstrom|埃
length 1e-9 nm|nanometers|nanometer|nanometres|纳米
length 1e-6 um|μm|µm|micrometers|micrometer|microns|micron|微米
length 1e-3 mm|millimeters|millimeter|millimetres|毫米
length 1e-2 cm|centimeters|centimeter|centimetres|厘米
length 1 m|meters|meter|metres|metre|米
length 1e3 km|kilometers|kilometer|kilometres|公里|千米
length 1609 miles|mile|英里
length 1.496e11 AU|au|天文单位
length 9.461e15 light-years|light years|light-year|ly|光年
length 3.0857e16 pc|parsecs|parsec|秒差距
length 3.0857e19 kpc
length 3.0857e22 Mpc
length 3.0857e25 Gpc
area 1e-6 mm2|mm²|平方毫米
area 1e-4 cm2|cm²|平方厘米
area 1 m2|m²|平方米
area 1e6 km2|km²|平方公里|平方千米
area 1e4 hectares|hectare|ha|公顷
volume 1e-9 mm3|mm³|立方毫米
volume 1e-6 cm3|cm³|mL|ml|milliliters|milliliter|立方厘米|毫升
volume 1e-9 μL|µL|uL|microliters|microliter|微升
volume 1e-3 L|liters|liter|litres|litre|升
volume 1 m3|m³|立方米
frequency 1 Hz|hertz|赫兹|赫
frequency 1e3 kHz|千赫
frequency 1e6 MHz|兆赫
frequency 1e9 GHz|吉赫
frequency 1e12 THz|太赫兹|太赫
rotation 1 rpm|转/分|转每分钟
rate 1 fps|FPS|frames per second|帧/秒|帧每秒
decibel 1 dB|decibels|分贝
power 1e-3 mW|milliwatts|毫瓦
power 1 W|watts|watt|瓦|瓦特
power 1e3 kW|kilowatts|千瓦
power 1e6 MW|megawatts|兆瓦
power 1e9 GW|gigawatts|吉瓦
energy 1 J|joules|joule|焦耳|焦
energy 1e-3 mJ|毫焦
energy 1e3 kJ|千焦
energy 4184 kcal|千卡|大卡
energy 1e-7 erg|ergs|尔格
energy 3600 Wh|瓦时
energy 3600000 kWh|千瓦时
energy 36e8 MWh|兆瓦时
voltage 1e-3 mV|millivolts|毫伏
voltage 1 V|volts|volt|伏|伏特
voltage 1e3 kV|kilovolts|千伏
current 1e-6 μA|µA|微安
current 1e-3 mA|毫安
current 1 amperes|ampere|amps|安培
resistance 1 Ω|ohms|ohm|欧姆
resistance 1e3 kΩ|千欧
energy-particle 1e-3 meV|毫电子伏特|毫电子伏
energy-particle 1 eV|电子伏特|电子伏
energy-particle 1e3 keV
energy-particle 1e6 MeV|兆电子伏特|兆电子伏
energy-particle 1e9 GeV|吉电子伏特|吉电子伏
energy-particle 1e12 TeV|太电子伏特|太电子伏
energy-particle 1e15 PeV
mass 1e-15 pg|皮克
mass 1e-12 ng|纳克
mass 1e-9 μg|µg|ug|mcg|micrograms|微克
mass 1e-6 mg|milligrams|milligram|毫克
mass 1e-3 g|grams|gram|克
mass 1 kg|kilograms|kilogram|公斤|千克
mass 1e3 tonnes|tonne|tons|ton|吨
mass-solar 1 M☉|M⊙|M_sun|Msun|solar masses|solar mass|solar-mass|倍太阳质量|个太阳质量|太阳质量
mass-earth 1 M⊕|M_earth|Earth masses|Earth mass|earth masses|倍地球质量|个地球质量|地球质量
radius-solar 1 R☉|R⊙|R_sun|solar radii|solar radius|倍太阳半径|个太阳半径|太阳半径
radius-earth 1 R⊕|R_earth|Earth radii|Earth radius|earth radii|倍地球半径|个地球半径|地球半径
luminosity-solar 1 L☉|L⊙|L_sun|solar luminosities|倍太阳光度|太阳光度
mass-atomic 1 Da|daltons|dalton|道尔顿
mass-atomic 1e3 kDa|kilodaltons
mass-atomic 1e6 MDa
bases 1 bp|base pairs|base pair|个碱基对|碱基对|个碱基
bases 1e3 kb|kbp|kilobases
bases 1e6 Mbp|megabases
amount 1e-9 nM|nmol|nanomolar|纳摩尔
amount 1e-6 μM|µM|uM|μmol|µmol|micromolar|微摩尔
amount 1e-3 mM|mmol|millimolar|毫摩尔
amount 1 M|mol|molar|moles|mole|摩尔
pressure 1 Pa|pascals|pascal|帕斯卡|帕
pressure 1e2 hPa|mbar|百帕|毫巴
pressure 1e3 kPa|千帕
pressure 1e5 bar|bars
pressure 1e6 MPa|兆帕
pressure 1e9 GPa|吉帕|kbar
pressure 1e12 TPa
pressure 101325 atm|atmospheres|个大气压|大气压
pressure 133.322 mmHg|mm Hg|毫米汞柱|Torr|torr
field 1e-9 nT|nanotesla|纳特斯拉|纳特
field 1e-6 μT|µT|microtesla|微特斯拉|微特
field 1e-3 mT|millitesla|毫特斯拉|毫特
field 1 T|tesla|teslas|Tesla|特斯拉
field 1e-4 G|gauss|Gauss|高斯
field 0.1 kG
temperature 1 °C|℃|degrees celsius|degrees Celsius|degree Celsius|摄氏度
kelvin 1e-9 nK|纳开尔文|纳开
kelvin 1e-6 μK|µK|微开尔文|微开
kelvin 1e-3 mK|millikelvin|毫开尔文|毫开
kelvin 1 K|kelvin|kelvins|Kelvin|Kelvins|开尔文|开
angle 1 °|degrees|degree|deg|度
sigma 1 σ|sigma|个标准差|倍标准差
dose 1 Gy|grays|戈瑞
dose-effective 1 Sv|西弗
dose-effective 1e-3 mSv|毫西弗
activity 1 IU|国际单位
money-usd 1 USD|US dollars|dollars|dollar|美元|美金
money-usd 0.01 cents|cent|美分
money-eur 1 EUR|euros|euro|欧元
money-gbp 1 GBP|pounds sterling|英镑
money-cny 1 CNY|RMB|yuan|元|人民币
money-jpy 1 JPY|yen|日元
flop 1 FLOPs|FLOPS|次浮点运算
flop 1e9 GFLOPs|GFLOPS
flop 1e12 TFLOPs|TFLOPS
flop 1e15 PFLOPs|PFLOPS
tenth 1 成
"""

MEASURES = "[\u4e00-\u9fff]{0,4}(?:半径|质量|光度|距离|重力|焦距|直径|波长|周期)"
"""What stands behind a 倍 that multiplies nothing: 12 倍引力半径 are twelve radii."""

COUNTED = (
    "个|種|种|项|类|类|篇|条|名|位|张|款|套|幅|段|首|部|组|层|步|台|座|所|家|国|处|对|门|级|维|帧|支"
    "|根|株|头|只|块|片|颗|枚|件|场|届|期|道|路|跳|代|人|例|大|阶|节点|模型|数据集|任务|语言|样本|图像"
    "|视频|论文|参数|词元|患者|领域|基准|方法|指标|场景|因素|模块|视角|标签|用户|实验|问题|文档|句子|对话"
    f"|机器人|城市|物种|倍(?={MEASURES})"
)
"""What is counted in Chinese: measure words, and nouns that stand without one."""

NOT_COUNTED = frozenset(
    re.findall(
        r"\w+",
        "accuracy auc auroc bleu f1 score scores map miou psnr ssim dice r2 and or to of on in for "
        "with at by from as than over under per while vs when using across respectively",
    )
)
"""What follows a number in English that is no thing counted: measures, and small words."""


def _surfaces() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in TABLE.strip().split("\n"):
        name, factor, *written = line.split(" ", 2)
        for surface in written[0].split("|"):
            found.setdefault(surface, Unit(name, Decimal(factor)))
    return found


UNITS = _surfaces()


NOT_BEFORE = {
    "分": "类钟之段割析为布层支组辨位",
    "次": "样方多函规型曲插要级",
    "轮": "廓椅子",
    "回": "归答合复",
    "遍": "历布",
    "开": "始放源发展销关",
    "帕": "金累特",
    "升": "级高至到降温力",
    "高斯": "分混过核噪",
    "埃": "及塞",
    "焦": "点距虑",
    "个点": "云",
    "元": "组素学数语",
    "度": "量",
    "天": "然",
    "年": "级代龄轻来度",
    "周": "期围边",
    "成": "为功分本员果像对",
    "位": "置移于",
    "日": "志常",
    "米": "兰",
}
"""Units that are the beginning of another word where one of these characters follows."""

OTHER_WORD = r"(?![A-Za-z0-9_]|\s{0,3}(?:clouds?|charts?|plots?|graphs?)\b)"
"""What follows no unit in Latin letters: point clouds, bar charts."""

LETTERS = r"(?<=\d[GL])|(?<=[KMTGL])(?:-|\s(?:cells?|means|nearest|neighbou?rs))"
"""What makes of a capital no unit: 5G, 5 K-means, 12 T cells."""

MONEY = {
    "$": UNITS["USD"],
    "€": UNITS["EUR"],
    "£": UNITS["GBP"],
    "¥": UNITS["CNY"],
    "￥": UNITS["CNY"],
}
"""Signs before a number that are its unit."""


NO_MULTIPLE = r"(?<=[xX×])\s{0,3}(?:\d|[A-Z]{1,4}\d\d)"
"""What makes an x no multiple: the other length in `640 x 480`, the device in `8xH100`."""


def _pattern() -> str:
    """All units, the longest first; Latin ones end where the word ends."""
    latin = [surface for surface in UNITS if re.match(r"[A-Za-zµμ]", surface)]
    others = [surface for surface in UNITS if surface not in latin]
    words, characters = _by_first_letter(latin), _by_first_letter(others)
    starts = "".join(re.escape(start) for start in {surface[0] for surface in UNITS})
    return (
        rf"(?=[{starts}])(?:(?:{words}){OTHER_WORD}(?!{LETTERS})|(?:{characters}))"
        rf"(?!{NO_MULTIPLE})"
    )


def _by_first_letter(surfaces: Sequence[str]) -> str:
    """An expression for any of them, the longest first; a list of all is tried one by one."""
    endings: dict[str, list[str]] = {}
    for surface in sorted(surfaces, key=len, reverse=True):
        ending = re.escape(surface[1:])
        if surface == "倍":
            ending = f"(?!{MEASURES})"
        elif surface in NOT_BEFORE:
            ending += f"(?![{NOT_BEFORE[surface]}])"
        endings.setdefault(surface[0], []).append(ending)
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in endings.items())


PATTERN = _pattern()
