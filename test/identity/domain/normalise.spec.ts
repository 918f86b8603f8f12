import { getCountries, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import phones, { type PhoneNumberType as NumberType } from 'google-libphonenumber';
import { normaliseEmail, normalisePhone } from '../../../src/identity/domain/normalise.js';

// A CommonJS package, whose names are found only like this.
const { PhoneNumberFormat, PhoneNumberType, PhoneNumberUtil } = phones;

describe('an email', () => {
  it.each([
    ['is lower case', 'McFly@HillValley.EDU', 'mcfly@hillvalley.edu'],
    ['is lower case in every script', 'ÉMILE@ПРИМЕР.example', 'émile@пример.example'],
    ['is trimmed', '  mcfly@hillvalley.edu\t\r\n', 'mcfly@hillvalley.edu'],
    [
      'is trimmed of every kind of space',
      '\u00a0\u2003mcfly@hillvalley.edu\u3000\ufeff',
      'mcfly@hillvalley.edu',
    ],
    ['is composed', 'mu\u0308ller@hillvalley.edu', 'm\u00fcller@hillvalley.edu'],
    [
      'is composed also when lower-casing takes it apart',
      '\u0130\u0323@hillvalley.edu',
      '\u1ecb\u0307@hillvalley.edu',
    ],
    ['is composed but not made compatible', 'ﬁ@hillvalley.edu', 'ﬁ@hillvalley.edu'],
    ['has the letter K, not the kelvin sign', '\u212aelvin@hillvalley.edu', 'kelvin@hillvalley.edu'],
    ['keeps its spaces inside, to be judged where it came in', 'mc fly', 'mc fly'],
    [
      'keeps NUL and lone surrogates, to be judged where it came in',
      'mc\u0000\ud800fly',
      'mc\u0000\ud800fly',
    ],
    ['loses quotes that it does not need', '"mc.fly"@hillvalley.edu', 'mc.fly@hillvalley.edu'],
    ['keeps quotes that it needs', '"mc fly"@hillvalley.edu', '"mc fly"@hillvalley.edu'],
    ['keeps dots and tags: they may be another mailbox', 'm.c+fly@hillvalley.edu', 'm.c+fly@hillvalley.edu'],
  ])('%s', (_, raw, email) => {
    expect(normaliseEmail(raw)).toBe(email);
  });

  it.each(['', ' ', '\t\r\n', '\u00a0\u3000'])('that is empty or blank is not given: %j', (blank) => {
    expect(normaliseEmail(blank)).toBeNull();
  });
});

describe('an email by the rules of Gmail', () => {
  it.each([
    ['Doc.Brown+news@GMail.com', 'docbrown@gmail.com'],
    ['d.o.c.b.r.o.w.n@googlemail.com', 'docbrown@gmail.com'],
    ['doc.brown.+a.b+c@gmail.com', 'docbrown@gmail.com'],
    ['"doc.brown"@googlemail.com', 'docbrown@gmail.com'],
    ['doc.brown@ｇｍａｉｌ．ｃｏｍ', 'docbrown@gmail.com'],
    ['doc+ñandú@gmail.com', 'doc@gmail.com'],
    ['+news@googlemail.com', '+news@gmail.com'],
  ])('%s is one mailbox', (raw, email) => {
    expect(normaliseEmail(raw, 'gmail')).toBe(email);
    expect(normaliseEmail(email, 'gmail')).toBe(email);
  });

  it.each([
    'doc.brown+news@hillvalley.edu',
    'doc.brown+news@gmail.co.uk',
    'doc.brown+news@mail.gmail.com',
    'doc.brown+news@notgmail.com',
    'doc.brown+news@gmail.com.',
    'doc.brown+news@gmaіl.com',
    'doc.brown@gmail',
    'gmail.com',
  ])('stays as it is elsewhere: %s', (email) => {
    expect(normaliseEmail(email, 'gmail')).toBe(email);
  });

  it.each([
    'doc..brown@gmail.com',
    '.doc@gmail.com',
    'doc.@gmail.com',
    'doc+a b@gmail.com',
    'doc+@b@gmail.com',
    '"doc..brown"@gmail.com',
    'doc+\u200b@gmail.com',
    `doc+${'a'.repeat(61)}@gmail.com`,
    `doc+${'é'.repeat(31)}@gmail.com`,
    '\u{1d41a}.b@gmail.com',
  ])('stays as it is, to be refused, if its local part is none: %j', (email) => {
    expect(normaliseEmail(email, 'gmail')).toBe(email);
  });

  it('keeps İ and letters of other scripts that look alike', () => {
    const emails = ['İ.a@gmail.com', 'i.a@gmail.com', 'і.a@gmail.com'].map((raw) =>
      normaliseEmail(raw, 'gmail'),
    );
    expect(emails).toEqual(['i\u0307.a@gmail.com', 'ia@gmail.com', 'іa@gmail.com']);
  });
});

describe('the domain of an email', () => {
  it.each([
    [
      'composed or not',
      ['münchen.de', 'mu\u0308nchen.de', 'MÜNCHEN.DE', 'xn--mnchen-3ya.de', 'XN--MNCHEN-3YA.de'],
    ],
    [
      'with a letter of two, and a mark',
      ['d\u1e93\u030c.hr', '\u01c4\u0323.hr', '\u01c6\u0323.hr', 'xn--d-toa77j.hr', 'xn--d-kcb452s.hr'],
    ],
    ['with a final sigma', ['φως.gr', 'ΦΩΣ.GR', 'Φως.gr', 'xn--3xahj.gr']],
    ['with a sharp s, which is no double s', ['straße.de', 'STRAßE.de', 'xn--strae-oqa.de']],
    ['with the dots of other scripts', ['münchen.de', 'münchen\u3002de', 'münchen\uFF0Ede']],
  ])('is one, %s', (_, [first, ...others]) => {
    expect(others.map((domain) => normaliseEmail(`doc@${domain}`))).toEqual(others.map(() => `doc@${first}`));
  });

  it.each(['a\uFE0Fü.de', 'ü\u034F.de', '\u0301ü.de', '℀.com'])(
    'that is none stays as it is, to be refused: %j',
    (domain) => {
      expect(normaliseEmail(`doc@${domain}`)).toBe(`doc@${domain}`.normalize('NFC'));
    },
  );
});

describe('an international phone number', () => {
  it.each([
    ['+1 (555) 010-9999', '+15550109999'],
    ['+15550109999', '+15550109999'],
    ['+49 30/123456', '+4930123456'],
    ['+49.30.123456', '+4930123456'],
    ['\u00a0+49\u00a030\u2009123\u202f456 ', '+4930123456'],
    ['+ 49 30 123456', '+4930123456'],
    ['+49\u201130\u2013123456', '+4930123456'],
    ['\u202a+49\u200b30\u00ad123456\u202c', '+4930123456'],
  ])('is plus and digits: %j', (raw, phoneNumber) => {
    expect(normalisePhone(raw, null)).toBe(phoneNumber);
  });

  it.each([
    ['+49 (0)30 123456', '+4930123456'],
    ['0049 (0)30 123456', '+4930123456'],
    ['+44 (0)20 7031 3000', '+442070313000'],
  ])('loses its trunk zero: %s', (raw, phoneNumber) => {
    expect(normalisePhone(raw, null)).toBe(phoneNumber);
  });

  it('keeps a zero that belongs to it, as in Italy', () => {
    expect(normalisePhone('+39 06 698 82019', null)).toBe('+390669882019');
  });

  it.each([
    ['0049 30 123456', '+4930123456'],
    ['00 1 (555) 010-9999', '+15550109999'],
    ['0039 06 698 82019', '+390669882019'],
  ])('may begin with 00: %s', (raw, phoneNumber) => {
    expect(normalisePhone(raw, null)).toBe(phoneNumber);
  });

  it.each(['00', '000', '0012', '00123456', '000000', '009991234567', '0000'])(
    'cannot follow this 00, which stays digits: %s',
    (raw) => {
      expect(normalisePhone(raw, null)).toBe(raw);
    },
  );

  it.each(['+1', '+123456', '+999123'])('that no country has stays plus and digits: %s', (raw) => {
    expect(normalisePhone(raw, null)).toBe(raw);
  });

  // In Singapore, 004 would be the exit prefix of one carrier, and 48 Poland.
  it.each(['US', 'DE', 'GB', 'SG'] as const)('is the same whatever the region: %s', (region) => {
    const spellings = ['+49 (0)30 123456', '0049 30 123456', '0044 8569 119423'];

    expect(spellings.map((raw) => normalisePhone(raw, region))).toEqual([
      '+4930123456',
      '+4930123456',
      '+448569119423',
    ]);
  });

  it.each([
    ['+43 00 3723', '+43003723'],
    ['0043 00 3723', '0043003723'],
  ])(
    'with two trunk zeros keeps both, since losing one a pass would make three forms of it: %s',
    (raw, phone) => {
      expect(normalisePhone(raw, null)).toBe(phone);
    },
  );
});

describe('a national phone number', () => {
  it.each([
    ['030 123456', 'DE', '+4930123456'],
    ['(030) 12 34-56', 'DE', '+4930123456'],
    ['030/123456', 'DE', '+4930123456'],
    ['0151 23456789', 'DE', '+4915123456789'],
    ['(213) 373-4253', 'US', '+12133734253'],
    ['213.373.4253', 'US', '+12133734253'],
    ['1 213 373 4253', 'US', '+12133734253'],
    ['020 7031 3000', 'GB', '+442070313000'],
    ['07400 123456', 'GB', '+447400123456'],
    ['06 698 82019', 'IT', '+390669882019'],
    // The exit prefix of Australia begins with 00 as well.
    ['0011 49 30 123456', 'AU', '+4930123456'],
  ] as const)('that is valid in the region becomes international: %s in %s', (raw, region, phoneNumber) => {
    expect(normalisePhone(raw, region)).toBe(phoneNumber);
  });

  it.each([
    ['123456', 'DE'],
    ['123456', 'US'],
    ['123456', 'GB'],
    ['5550109999', 'US'],
    ['2133734253', 'GB'],
    ['112', 'DE'],
    ['911', 'US'],
    ['0', 'DE'],
    // Valid by the numbering plan, and yet E.164 has room for 15 digits only.
    ['52000000000000', 'DE'],
  ] as const)('that is not valid in the region stays its digits: %s in %s', (raw, region) => {
    expect(normalisePhone(raw, region)).toBe(raw);
  });

  it.each([
    ['123456', '123456'],
    ['12 34-56', '123456'],
    ['(030) 12.34/56', '030123456'],
    ['0117 496 0123', '01174960123'],
    ['0', '0'],
    ['123456789012345', '123456789012345'],
  ])('stays its digits where no region is set: %s', (raw, phoneNumber) => {
    expect(normalisePhone(raw, null)).toBe(phoneNumber);
  });
});

describe('digits that begin with the calling code of the region', () => {
  it.each([
    ['4915123456789', 'DE', '+4915123456789'],
    ['49 (0)151 23456789', 'DE', '+4915123456789'],
    ['62 812 345 678', 'ID', '+62812345678'],
    ['38343201234', 'XK', '+38343201234'],
  ] as const)('are an international number without its plus: %s in %s', (raw, region, phoneNumber) => {
    expect(normalisePhone(raw, region)).toBe(phoneNumber);
  });

  it.each([
    // after the trunk prefix it is an area code
    ['0491 234567', 'DE', '+49491234567'],
    // too short without it
    ['(55) 3220-1234', 'BR', '+555532201234'],
  ] as const)('are a national number where that is what they are: %s in %s', (raw, region, phoneNumber) => {
    expect(normalisePhone(raw, region)).toBe(phoneNumber);
  });

  it('are read alike for the example numbers of every country and type', () => {
    const util = PhoneNumberUtil.getInstance();
    const wrong: string[] = [];
    let count = 0;
    for (const region of getCountries()) {
      for (const type of Object.values(PhoneNumberType)) {
        const example = util.getExampleNumberForType(region, type as NumberType);
        const number = example && util.format(example, PhoneNumberFormat.E164);
        // The libraries have numbering plans of different dates.
        if (!number || parsePhoneNumberFromString(number)?.isValid() !== true) {
          continue;
        }
        const spellings = [
          number,
          number.slice(1),
          `00${number.slice(1)}`,
          util.format(example, PhoneNumberFormat.NATIONAL),
          util.format(example, PhoneNumberFormat.INTERNATIONAL),
        ];
        wrong.push(...spellings.filter((raw) => normalisePhone(raw, region) !== number));
        count++;
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(1_300);
  });
});

describe('a phone number of another program', () => {
  it.each([
    ['tel:+49-30-123456', '+4930123456'],
    ['tel:30-123456;phone-context=+49', '+4930123456'],
    ['TEL:123456', '123456'],
    ['whatsapp:+4915123456789', '+4915123456789'],
    ['4915123456789@s.whatsapp.net', '+4915123456789'],
    ["'+4930123456", '+4930123456'],
    ['="123456"', '123456'],
    ['2133734253.0', '2133734253'],
    ['+12133734253.00', '+12133734253'],
    ['030\t123456', '030123456'],
    ['١٢٣٤٥٦', '123456'],
    ['۱۲۳۴۵۶', '123456'],
    ['\uFF0B４９ ３０ １２３４５６', '+4930123456'],
    ['𝟘𝟙𝟚𝟛', '0123'],
  ])('is understood: %j', (raw, phoneNumber) => {
    expect(normalisePhone(raw, null)).toBe(phoneNumber);
  });

  it.each(['213.373.4253', '01.23.45.67.00', '555.0199'])('may have dots between groups: %s', (raw) => {
    expect(normalisePhone(raw, null)).toBe(raw.replaceAll('.', ''));
  });
});

describe('a phone number', () => {
  it.each(['', ' ', '\t\r\n', '\u00a0\u3000'])('that is empty or blank is not given: %j', (blank) => {
    expect(normalisePhone(blank, 'DE')).toBeNull();
  });

  it.each(['---', '()', '- -', '+', '+ ()', './'])('without digits is given, to be refused: %s', (raw) => {
    expect(normalisePhone(raw, 'DE')).toMatch(/^[-+() ./]+$/);
  });

  it.each([
    ['1-800-FLOWERS', '1800FLOWERS'],
    // wrapped twice: a second pass would take off one more
    ["('123456", "('123456"],
    ["''123456", "''123456"],
    ['="tel:tel:123456"', '="tel:tel:123456"'],
    ['(213) 373-4253 ext. 12', '2133734253ext12'],
    ['tel:+49-30-123456;ext=5', '+4930123456;ext=5'],
    ['2133734253.5', '2133734253.5'],
    ['123456.7', '123456.7'],
    ['-2133734253', '-2133734253'],
    ['+49 30 123456 ext. 5', '+4930123456ext5'],
    ['+49 30 123456;ext=5', '+4930123456;ext=5'],
    ['++49 30 123456', '++4930123456'],
    ['49+30123456', '49+30123456'],
    ['123\u0000456', '123\u0000456'],
    ['123\ud800', '123\ud800'],
    ['1234567890123456', '1234567890123456'],
    ['+1234567890123456', '+1234567890123456'],
  ])('comes back with what it must be refused for: %j', (raw, phoneNumber) => {
    expect(normalisePhone(raw, 'US')).toBe(phoneNumber);
  });
});
