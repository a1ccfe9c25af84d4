"""Facts that X counts by: the emoji of version 11, and the top-level domains of the internet."""

from __future__ import annotations

import re

__all__ = [
    "EMOJI",
    "TOP_LEVEL_DOMAINS",
]


_COUNTRIES = """
    ac ad ae af ag ai al am an ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq
    br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz
    ec ee eg eh er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw
    gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz
    la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx
    my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro
    rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk
    tl tm tn to tp tr tt tv tw tz ua ug uk um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""

_GENERIC = """
    aaa aarp abarth abb abbott abbvie abc able abogado abudhabi academy accenture accountant
    accountants aco active actor adac ads adult aeg aero aetna afamilycompany afl africa agakhan
    agency aig aigo airbus airforce airtel akdn alfaromeo alibaba alipay allfinanz allstate ally
    alsace alstom americanexpress americanfamily amex amfam amica amsterdam analytics android anquan
    anz aol apartments app apple aquarelle arab aramco archi army arpa art arte asda asia associates
    athleta attorney auction audi audible audio auspost author auto autos avianca aws axa azure baby
    baidu banamex bananarepublic band bank bar barcelona barclaycard barclays barefoot bargains
    baseball basketball bauhaus bayern bbc bbt bbva bcg bcn beats beauty beer bentley berlin best
    bestbuy bet bharti bible bid bike bing bingo bio biz black blackfriday blanco blockbuster blog
    bloomberg blue bms bmw bnl bnpparibas boats boehringer bofa bom bond boo book booking boots
    bosch bostik boston bot boutique box bradesco bridgestone broadway broker brother brussels
    budapest bugatti build builders business buy buzz bzh cab cafe cal call calvinklein cam camera
    camp cancerresearch canon capetown capital capitalone car caravan cards care career careers cars
    cartier casa case caseih cash casino cat catering catholic cba cbn cbre cbs ceb center ceo cern
    cfa cfd chanel channel charity chase chat cheap chintai chloe christmas chrome chrysler church
    cipriani circle cisco citadel citi citic city cityeats claims cleaning click clinic clinique
    clothing cloud club clubmed coach codes coffee college cologne com comcast commbank community
    company compare computer comsec condos construction consulting contact contractors cooking
    cookingchannel cool coop corsica country coupon coupons courses cpa credit creditcard
    creditunion cricket crown crs cruise cruises csc cuisinella cymru cyou dabur dad dance data date
    dating datsun day dclk dds deal dealer deals degree delivery dell deloitte delta democrat dental
    dentist desi design dev dhl diamonds diet digital direct directory discount discover dish diy
    dnp docs doctor dodge dog doha domains doosan dot download drive dtv dubai duck dunlop duns
    dupont durban dvag dvr earth eat eco edeka edu education email emerck energy engineer
    engineering enterprises epost epson equipment ericsson erni esq estate esurance etisalat
    eurovision eus events everbank exchange expert exposed express extraspace fage fail fairwinds
    faith family fan fans farm farmers fashion fast fedex feedback ferrari ferrero fiat fidelity
    fido film final finance financial fire firestone firmdale fish fishing fit fitness flickr
    flights flir florist flowers flsmidth fly foo food foodnetwork football ford forex forsale forum
    foundation fox free fresenius frl frogans frontdoor frontier ftr fujitsu fujixerox fun fund
    furniture futbol fyi gal gallery gallo gallup game games gap garden gay gbiz gdn gea gent
    genting george ggee gift gifts gives giving glade glass gle global globo gmail gmbh gmo gmx
    godaddy gold goldpoint golf goo goodhands goodyear goog google gop got gov grainger graphics
    gratis green gripe grocery group guardian gucci guge guide guitars guru hair hamburg hangout
    haus hbo hdfc hdfcbank health healthcare help helsinki here hermes hgtv hiphop hisamitsu hitachi
    hiv hkt hockey holdings holiday homedepot homegoods homes homesense honda honeywell horse
    hospital host hosting hot hoteles hotels hotmail house how hsbc htc hughes hyatt hyundai ibm
    icbc ice icu ieee ifm iinet ikano imamat imdb immo immobilien inc industries infiniti info ing
    ink institute insurance insure int intel international intuit investments ipiranga irish iselect
    ismaili ist istanbul itau itv iveco iwc jaguar java jcb jcp jeep jetzt jewelry jio jlc jll jmp
    jnj jobs joburg jot joy jpmorgan jprs juegos juniper kaufen kddi kerryhotels kerrylogistics
    kerryproperties kfh kia kim kinder kindle kitchen kiwi koeln komatsu kosher kpmg kpn krd kred
    kuokgroup kyoto lacaixa ladbrokes lamborghini lamer lancaster lancia lancome land landrover
    lanxess lasalle lat latino latrobe law lawyer lds lease leclerc lefrak legal lego lexus lgbt
    liaison lidl life lifeinsurance lifestyle lighting like lilly limited limo lincoln linde link
    lipsy live living lixil llc llp loan loans locker locus loft lol london lotte lotto love lpl
    lplfinancial ltd ltda lundbeck lupin luxe luxury macys madrid maif maison makeup man management
    mango map market marketing markets marriott marshalls maserati mattel mba mcd mcdonalds mckinsey
    med media meet melbourne meme memorial men menu meo merckmsd metlife miami microsoft mil mini
    mint mit mitsubishi mlb mls mma mobi mobile mobily moda moe moi mom monash money monster
    montblanc mopar mormon mortgage moscow moto motorcycles mov movie movistar msd mtn mtpc mtr
    museum mutual mutuelle nab nadex nagoya name nationwide natura navy nba nec net netbank netflix
    network neustar new newholland news next nextdirect nexus nfl ngo nhk nico nike nikon ninja
    nissan nissay nokia northwesternmutual norton now nowruz nowtv nra nrw ntt nyc obi observer off
    office okinawa olayan olayangroup oldnavy ollo omega one ong onion onl online onyourside ooo
    open oracle orange org organic orientexpress origins osaka otsuka ott ovh page pamperedchef
    panasonic panerai paris pars partners parts party passagens pay pccw pet pfizer pharmacy phd
    philips phone photo photography photos physio piaget pics pictet pictures pid pin ping pink
    pioneer pizza place play playstation plumbing plus pnc pohl poker politie porn post pramerica
    praxi press prime pro prod productions prof progressive promo properties property protection pru
    prudential pub pwc qpon quebec quest qvc racing radio raid read realestate realtor realty
    recipes red redstone redumbrella rehab reise reisen reit reliance ren rent rentals repair report
    republican rest restaurant review reviews rexroth rich richardli ricoh rightathome ril rio rip
    rmit rocher rocks rodeo rogers room rsvp rugby ruhr run rwe ryukyu saarland safe safety sakura
    sale salon samsclub samsung sandvik sandvikcoromant sanofi sap sapo sarl sas save saxo sbi sbs
    sca scb schaeffler schmidt scholarships school schule schwarz science scjohnson scor scot search
    seat secure security seek select sener services ses seven sew sex sexy sfr shangrila sharp shaw
    shell shia shiksha shoes shop shopping shouji show showtime shriram silk sina singles site ski
    skin sky skype sling smart smile sncf soccer social softbank software sohu solar solutions song
    sony soy space spiegel sport spot spreadbetting srl srt stada staples star starhub statebank
    statefarm statoil stc stcgroup stockholm storage store stream studio study style sucks supplies
    supply support surf surgery suzuki swatch swiftcover swiss sydney symantec systems tab taipei
    talk taobao target tatamotors tatar tattoo tax taxi tci tdk team tech technology tel telecity
    telefonica temasek tennis teva thd theater theatre tiaa tickets tienda tiffany tips tires tirol
    tjmaxx tjx tkmaxx tmall today tokyo tools top toray toshiba total tours town toyota toys trade
    trading training travel travelchannel travelers travelersinsurance trust trv tube tui tunes
    tushu tvs ubank ubs uconnect unicom university uno uol ups vacations vana vanguard vegas
    ventures verisign versicherung vet viajes video vig viking villas vin vip virgin visa vision
    vista vistaprint viva vivo vlaanderen vodka volkswagen volvo vote voting voto voyage vuelos
    wales walmart walter wang wanggou warman watch watches weather weatherchannel webcam weber
    website wed wedding weibo weir whoswho wien wiki williamhill win windows wine winners wme
    wolterskluwer woodside work works world wow wtc wtf xbox xerox xfinity xihuan xin xperia xxx xyz
    yachts yahoo yamaxun yandex yodobashi yoga yokohama you youtube yun zappos zara zero zip zippo
    zone zuerich
"""

_PUNYCODE = """
    xn--11b4c3d xn--1ck2e1b xn--1qqw23a xn--2scrj9c xn--30rr7y xn--3bst00m xn--3ds443g xn--3e0b707e
    xn--3hcrj9c xn--3oq18vl8pn36a xn--3pxu8k xn--42c2d9a xn--45br5cyl xn--45brj9c xn--45q11c
    xn--4gbrim xn--54b7fta0cc xn--55qw42g xn--55qx5d xn--5su34j936bgsg xn--5tzm5g xn--6frz82g
    xn--6qq986b3xl xn--80adxhks xn--80ao21a xn--80aqecdr1a xn--80asehdb xn--80aswg xn--8y0a063a
    xn--90a3ac xn--90ae xn--90ais xn--9dbq2a xn--9et52u xn--9krt00a xn--b4w605ferd xn--bck1b9a5dre4c
    xn--c1avg xn--c2br7g xn--cck2b3b xn--cg4bki xn--clchc0ea0b2g2a9gcd xn--czr694b xn--czrs0t
    xn--czru2d xn--d1acj3b xn--d1alf xn--e1a4c xn--eckvdtc9d xn--efvy88h xn--estv75g xn--fct429k
    xn--fhbei xn--fiq228c5hs xn--fiq64b xn--fiqs8s xn--fiqz9s xn--fjq720a xn--flw351e xn--fpcrj9c3d
    xn--fzc2c9e2c xn--fzys8d69uvgm xn--g2xx48c xn--gckr3f0f xn--gecrj9c xn--gk3at1e xn--h2breg3eve
    xn--h2brj9c xn--h2brj9c8c xn--hxt814e xn--i1b6b1a6a2e xn--imr513n xn--io0a7i xn--j1aef xn--j1amh
    xn--j6w193g xn--jlq61u9w7b xn--jvr189m xn--kcrx77d1x4a xn--kprw13d xn--kpry57d xn--kpu716f
    xn--kput3i xn--l1acc xn--lgbbat1ad8j xn--mgb9awbf xn--mgba3a3ejt xn--mgba3a4f16a
    xn--mgba7c0bbn0a xn--mgbaakc7dvf xn--mgbaam7a8h xn--mgbab2bd xn--mgbah1a3hjkrd xn--mgbai9azgqp6j
    xn--mgbayh7gpa xn--mgbb9fbpob xn--mgbbh1a xn--mgbbh1a71e xn--mgbc0a9azcg xn--mgbca7dzdo
    xn--mgbcpq6gpa1a xn--mgberp4a5d4ar xn--mgbgu82a xn--mgbi4ecexp xn--mgbpl2fh xn--mgbt3dhd
    xn--mgbtx2b xn--mgbx4cd0ab xn--mix891f xn--mk1bu44c xn--mxtq1m xn--ngbc5azd xn--ngbe9e0a
    xn--ngbrx xn--node xn--nqv7f xn--nqv7fs00ema xn--nyqy26a xn--o3cw4h xn--ogbpf8fl xn--otu796d
    xn--p1acf xn--p1ai xn--pbt977c xn--pgbs0dh xn--pssy2u xn--q7ce6a xn--q9jyb4c xn--qcka1pmc
    xn--qxa6a xn--qxam xn--rhqv96g xn--rovu88b xn--rvc1e0am3e xn--s9brj9c xn--ses554g xn--t60b56a
    xn--tckwe xn--tiq49xqyj xn--unup4y xn--vermgensberater-ctb xn--vermgensberatung-pwb xn--vhquv
    xn--vuq861b xn--w4r85el8fhu5dnra xn--w4rs40l xn--wgbh1c xn--wgbl6a xn--xhq521b xn--xkc2al3hye2a
    xn--xkc2dl3a5ee0h xn--y9a3aq xn--yfro4i67o xn--ygbi2ammx xn--zfr164b
"""

_LATIN = frozenset(f"{_COUNTRIES} {_GENERIC}".split())
_OTHER_SCRIPTS = frozenset(name[4:].encode().decode("punycode") for name in _PUNYCODE.split())

TOP_LEVEL_DOMAINS = _LATIN | _OTHER_SCRIPTS | frozenset(_PUNYCODE.split())
"""In lower case; those of other scripts in both spellings."""


_WITH_SELECTOR = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf"
    "\u23ed-\u23ef\u23f1\u23f2\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe"
    "\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f"
    "\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267f"
    "\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5"
    "\u26c8\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2708\u2709"
    "\u270c\u270d\u270f\u2712\u2714\u2716\u271d\u2721\u2733\u2734\u2744\u2747\u2757\u2763\u2764"
    "\u27a1\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f004"
    "\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f202\U0001f21a\U0001f22f\U0001f237\U0001f321"
    "\U0001f324-\U0001f32c\U0001f336\U0001f37d\U0001f396\U0001f397\U0001f399-\U0001f39b"
    "\U0001f39e\U0001f39f\U0001f3cb-\U0001f3ce\U0001f3d4-\U0001f3df\U0001f3f3\U0001f3f5\U0001f3f7"
    "\U0001f43f\U0001f441\U0001f4fd\U0001f549\U0001f54a\U0001f56f\U0001f570\U0001f573-\U0001f579"
    "\U0001f587\U0001f58a-\U0001f58d\U0001f590\U0001f5a5\U0001f5a8\U0001f5b1\U0001f5b2\U0001f5bc"
    "\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3"
    "\U0001f5e8\U0001f5ef\U0001f5f3\U0001f5fa\U0001f6cb\U0001f6cd-\U0001f6cf\U0001f6e0-\U0001f6e5"
    "\U0001f6e9\U0001f6f0\U0001f6f3"
)
"""Can be followed by the variation selector that asks for colour."""

_TONE = "[\U0001f3fb-\U0001f3ff]"

_TONED = (
    "\u261d\u26f7\u26f9\u270a-\u270d\U0001f385\U0001f3c2-\U0001f3c4\U0001f3c7"
    "\U0001f3ca-\U0001f3cc\U0001f442\U0001f443\U0001f446-\U0001f450\U0001f466-\U0001f469"
    "\U0001f46e\U0001f470-\U0001f478\U0001f47c\U0001f481-\U0001f483\U0001f485-\U0001f487"
    "\U0001f4aa\U0001f574\U0001f575\U0001f57a\U0001f590\U0001f595\U0001f596\U0001f645-\U0001f647"
    "\U0001f64b-\U0001f64f\U0001f6a3\U0001f6b4-\U0001f6b6\U0001f6c0\U0001f6cc"
    "\U0001f918-\U0001f91c\U0001f91e\U0001f91f\U0001f926\U0001f930-\U0001f939\U0001f93d\U0001f93e"
    "\U0001f9b5\U0001f9b6\U0001f9b8\U0001f9b9\U0001f9d1-\U0001f9dd"
)
"""Can have a skin tone."""

_TONED_OR_WITH_SELECTOR = (
    "\u261d\u26f7\u26f9\u270c\u270d\U0001f3cb\U0001f3cc\U0001f574\U0001f575\U0001f590"
)
"""Can have either, or both."""

_ACTORS = (
    "\U0001f46e\U0001f471\U0001f473\U0001f477\U0001f481\U0001f482\U0001f486\U0001f487"
    "\U0001f645-\U0001f647\U0001f64b\U0001f64d\U0001f64e\U0001f6a3\U0001f6b4-\U0001f6b6"
    "\U0001f926\U0001f935\U0001f937-\U0001f939\U0001f93d\U0001f93e\U0001f9b8\U0001f9b9"
    "\U0001f9d6-\U0001f9dd\U0001f3c3\U0001f3c4\U0001f3ca"
)
"""Can be of a sex, and have a skin tone before it."""

_BARE_ACTORS = "\u26f9\U0001f574\U0001f575\U0001f3cb\U0001f3cc"
"""The same, with a variation selector where there is no skin tone."""

_GROUPS = "\U0001f46f\U0001f93c\U0001f9de\U0001f9df"
"""Can be of a sex and have no skin tone."""

_TOOLS = (
    "\u2695\ufe0f|\u2696\ufe0f|\u2708\ufe0f|[\U0001f33e\U0001f373\U0001f393\U0001f3a4\U0001f3a8"
    "\U0001f3eb\U0001f3ed\U0001f4bb\U0001f4bc\U0001f527\U0001f52c\U0001f680\U0001f692"
    "\U0001f9b0-\U0001f9b3]"
)
"""Make a man or a woman one of a profession, or give them hair."""

_MAN, _WOMAN, _BOY, _GIRL = "\U0001f468", "\U0001f469", "\U0001f466", "\U0001f467"
_JOINER = "\u200d"
_HEART = f"{_JOINER}\u2764\ufe0f{_JOINER}(?:\U0001f48b{_JOINER})?"
_CHILDREN = f"(?:{_GIRL}{_JOINER}[{_BOY}{_GIRL}]|{_BOY}{_JOINER}{_BOY}|{_BOY}|{_GIRL})"
_PARENTS = f"(?:{_MAN}{_JOINER}[{_MAN}{_WOMAN}]|{_WOMAN}{_JOINER}{_WOMAN}|[{_MAN}{_WOMAN}])"

_FLAGS = """
    A:CDEFGILMOQRSTUWXZ B:ABDEFGHIJLMNOQRSTVWYZ C:ACDFGHIKLMNOPRUVWXYZ D:EGJKMOZ E:ACEGHRSTU
    F:IJKMOR G:ABDEFGHILMNPQRSTUWY H:KMNRTU I:CDELMNOQRST J:EMOP K:EGHIMNPRWYZ L:ABCIKRSTUVY
    M:ACDEFGHKLMNOPQRSTUVWXYZ N:ACEFGILOPRUZ O:M P:AEFGHKLMNRSTWY Q:A R:EOSUW
    S:ABCDEGHIJKLMNORSTVXYZ T:ACDFGHJKLMNORTVWZ U:AGMNSYZ V:ACEGINU W:FS X:K Y:ET Z:AMW
"""
"""Second letters by the first one."""


def _indicators(letters: str) -> str:
    return "".join(chr(ord(letter) - ord("A") + 0x1F1E6) for letter in letters)


def _flags() -> str:
    pairs = (line.split(":") for line in _FLAGS.split())
    return "|".join(f"{_indicators(first)}[{_indicators(seconds)}]" for first, seconds in pairs)


_ENGLAND, _SCOTLAND, _WALES = "eng", "sct", "wls"


def _tags(letters: str) -> str:
    return "".join(chr(ord(letter) + 0xE0000) for letter in letters)


_REGIONS = "|".join(map(_tags, (_ENGLAND, _SCOTLAND, _WALES)))

EMOJI = re.compile(
    "|".join(
        (
            f"\U0001f3f4{_tags('gb')}(?:{_REGIONS})\U000e007f",
            f"\U0001f3f4{_JOINER}\u2620\ufe0f",
            f"\U0001f3f3\ufe0f{_JOINER}\U0001f308",
            f"\U0001f441{_JOINER}\U0001f5e8",
            f"{_WOMAN}{_HEART}[{_MAN}{_WOMAN}]|{_MAN}{_HEART}{_MAN}",
            f"{_PARENTS}{_JOINER}{_CHILDREN}",
            f"[{_MAN}{_WOMAN}]{_TONE}?{_JOINER}(?:{_TOOLS})",
            f"[{_ACTORS}]{_TONE}?{_JOINER}[\u2640\u2642]\ufe0f",
            f"[{_BARE_ACTORS}](?:\ufe0f|{_TONE}){_JOINER}[\u2640\u2642]\ufe0f",
            f"[{_GROUPS}]{_JOINER}[\u2640\u2642]\ufe0f",
            "[#*0-9]\ufe0f?\u20e3",
            _flags(),
            f"[{_TONED}]{_TONE}",
            f"[{_TONED_OR_WITH_SELECTOR}]\ufe0f{_TONE}",
            f"[{_WITH_SELECTOR}]\ufe0f",
        )
    )
)
"""One of them, the longest first."""
