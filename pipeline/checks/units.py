"""Units of quantities, in both languages: how each is written, and what it measures.

A unit is a dimension and a factor to that dimension's base, so that 1,000 ms and 1 秒 are
one quantity. Counts of things (papers, 个, tokens) have no unit worth comparing: they are
all `COUNT`.
"""

import re
from decimal import Decimal
from typing import NamedTuple


class Unit(NamedTuple):
    """What a number counts: `name` is the dimension, `factor` leads to its base unit."""

    name: str
    factor: Decimal = Decimal(1)


BARE = Unit("")
COUNT = Unit("count")
PERCENT = Unit("percent")
POINTS = Unit("points")
TIMES = Unit("times")

# Each line: dimension, factor to its base, how it is written in English | in Chinese.
TABLE = """
percent 1 %|percent|per cent|pct|％|％
points 1 percentage points|percentage-points|percentage-point|percentage point|percent points|pp
points 1 p.p.|pts|points|point|个百分点|百分点|个点
mark 1 分
times 1 x|×|X|times|time|fold|倍
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
byte 1 bytes|byte|字节
byte 1e3 KB|kB|KiB
byte 1e6 MB|MiB
byte 1e9 GB|GiB
byte 1e12 TB|TiB
byte 1e15 PB|PiB
bit 1 bits|bit|比特|位
length 1e-9 nm|nanometers|nanometer|纳米
length 1e-6 um|μm|µm|micrometers|micrometer|microns|micron|微米
length 1e-3 mm|millimeters|millimeter|millimetres|毫米
length 1e-2 cm|centimeters|centimeter|centimetres|厘米
length 1 m|meters|meter|metres|metre|米
length 1e3 km|kilometers|kilometer|kilometres|公里|千米
area 1 m2|m²|平方米
area 1e6 km2|km²|平方公里|平方千米
area 1e4 hectares|hectare|ha|公顷
frequency 1 Hz|hertz|赫兹|赫
frequency 1e3 kHz|千赫
frequency 1e6 MHz|兆赫
frequency 1e9 GHz|吉赫
frequency 1e12 THz|太赫兹
rate 1 fps|FPS|frames per second|帧/秒|帧每秒
decibel 1 dB|decibels|分贝
power 1e-3 mW|milliwatts|毫瓦
power 1 W|watts|watt|瓦|瓦特
power 1e3 kW|kilowatts|千瓦
power 1e6 MW|megawatts|兆瓦
energy 1 J|joules|焦耳
energy 1e3 kJ
energy 3600000 kWh|千瓦时
voltage 1 V|volts|volt|伏|伏特
energy-particle 1 eV|电子伏特
energy-particle 1e3 keV
energy-particle 1e6 MeV
energy-particle 1e9 GeV
energy-particle 1e12 TeV
mass 1e-3 g|grams|gram|克
mass 1 kg|kilograms|kilogram|公斤|千克
mass 1e3 tonnes|tonne|tons|ton|吨
temperature 1 °C|℃|degrees celsius|摄氏度
angle 1 °|degrees|degree|deg|度
money-usd 1 USD|dollars|dollar|US dollars|美元|美金
money-eur 1 EUR|euros|euro|欧元
money-cny 1 CNY|RMB|yuan|元|人民币
flop 1e9 GFLOPs|GFLOPS
flop 1e12 TFLOPs|TFLOPS
tenth 1 成
"""

COUNTED = (
    "个|種|种|项|类|类|篇|条|名|位|张|款|套|幅|段|首|部|组|层|步|轮|次|台|座|所|家|国|处|对|门|级|维|帧|支"
    "|根|株|头|只|块|片|颗|枚|件|场|届|期|道|路|跳|代|人|例|大|阶|节点|模型|数据集|任务|语言|样本|图像"
    "|视频|论文|参数|词元|患者|领域|基准|方法|指标|场景|因素|模块|视角|标签|用户|实验|问题|文档|句子|对话"
    "|机器人|城市|物种"
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
    "分": "类钟之段割析为布层支组辨",
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


NO_MULTIPLE = r"(?<=[xX×])\s{0,3}(?:\d|[A-Z]{1,4}\d\d)"
"""What makes an x no multiple: the other length in `640 x 480`, the device in `8xH100`."""


def _pattern() -> str:
    """All units, the longest first; Latin ones end where the word ends."""
    latin = sorted((s for s in UNITS if re.match(r"[A-Za-zµμ]", s)), key=len, reverse=True)
    chinese = sorted((s for s in UNITS if s not in latin), key=len, reverse=True)
    endings: dict[str, list[str]] = {}  # by first letter: a long list is tried one by one
    for surface in latin:
        endings.setdefault(surface[0], []).append(re.escape(surface[1:]))
    words = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in endings.items())
    characters = "|".join(
        re.escape(s) + (f"(?![{NOT_BEFORE[s]}])" if s in NOT_BEFORE else "") for s in chinese
    )
    return rf"(?:(?:{words})(?![A-Za-z]|\s{{0,3}}clouds?\b)|{characters})(?!{NO_MULTIPLE})"


PATTERN = _pattern()
