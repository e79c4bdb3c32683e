#include "data/time.h"
#include "base/assert.h"

bool weir_year_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t weir_month_days(int64_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    WEIR_ASSERT(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && weir_year_is_leap(year));
}

bool weir_date_is_valid(int64_t year, int64_t month, int64_t day)
{
    return month >= 1 && month <= 12 && day >= 1 && day <= weir_month_days(year, (int32_t)month);
}

/* Both directions count from 0000-03-01, so that the leap day is a year's last (H. Hinnant,
 * "chrono-compatible algorithms"). */
int64_t weir_date_days(int64_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int64_t era = weir_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct weir_civil weir_date_civil(int64_t days)
{
    days += 719468;
    int64_t era = weir_floor_div(days, 146097);
    uint32_t day_of_era = (uint32_t)(days - era * 146097);
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted = (5 * day_of_year + 2) / 153;
    int32_t month = (int32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct weir_civil){
        .year = (int32_t)(year_of_era + era * 400) + (month <= 2),
        .month = month,
        .day = (int32_t)(day_of_year - (153 * shifted + 2) / 5 + 1),
    };
}

static void set_clock(struct weir_civil *civil, uint32_t seconds)
{
    civil->hour = (int32_t)(seconds / 3600);
    civil->minute = (int32_t)(seconds / 60 % 60);
    civil->second = (int32_t)(seconds % 60);
}

struct weir_civil weir_civil_from_us(int64_t us)
{
    int64_t days = weir_floor_div(us, WEIR_DAY_US), rest = us - days * WEIR_DAY_US;
    struct weir_civil civil = weir_date_civil(days);
    uint32_t seconds = (uint32_t)((uint64_t)rest / (uint64_t)WEIR_SECOND_US);
    set_clock(&civil, seconds);
    civil.nanosecond = (int32_t)((uint64_t)rest - seconds * (uint64_t)WEIR_SECOND_US) * 1000;
    return civil;
}

struct weir_civil weir_civil_from_ns(weir_int128 ns)
{
    int64_t days = (int64_t)(ns / WEIR_DAY_NS), rest = (int64_t)(ns % WEIR_DAY_NS);
    if (rest < 0) {
        rest += WEIR_DAY_NS;
        days--;
    }
    struct weir_civil civil = weir_date_civil(days);
    set_clock(&civil, (uint32_t)(rest / WEIR_SECOND_NS));
    civil.nanosecond = (int32_t)(rest % WEIR_SECOND_NS);
    return civil;
}

static int64_t civil_seconds(const struct weir_civil *c)
{
    return weir_date_days(c->year, c->month, c->day) * WEIR_DAY_SECONDS + c->hour * 3600 + c->minute * 60 +
           c->second;
}

int64_t weir_civil_us(const struct weir_civil *civil)
{
    return civil_seconds(civil) * WEIR_SECOND_US + civil->nanosecond / 1000;
}

weir_int128 weir_civil_ns(const struct weir_civil *civil)
{
    return (weir_int128)civil_seconds(civil) * WEIR_SECOND_NS + civil->nanosecond;
}

int32_t weir_date_iso_weekday(int64_t days)
{
    return (int32_t)weir_floor_mod(days + 3, 7) + 1;
}

int32_t weir_date_day_of_year(int64_t days)
{
    struct weir_civil civil = weir_date_civil(days);
    return (int32_t)(days - weir_date_days(civil.year, 1, 1)) + 1;
}

int32_t weir_date_iso_week(int64_t days, int64_t *iso_year)
{
    /* The week belongs to the year of its Thursday. */
    int64_t thursday = days - weir_date_iso_weekday(days) + 4;
    int64_t year = weir_date_civil(thursday).year;
    if (iso_year) *iso_year = year;
    return (int32_t)((thursday - weir_date_days(year, 1, 1)) / 7) + 1;
}

int64_t weir_date_add_months(int64_t days, int64_t months)
{
    struct weir_civil civil = weir_date_civil(days);
    int64_t total = (int64_t)civil.year * 12 + civil.month - 1 + months;
    int64_t year = weir_floor_div(total, 12);
    int32_t month = (int32_t)(total - year * 12) + 1, last = weir_month_days(year, month);
    return weir_date_days(year, month, WEIR_MIN(civil.day, last));
}

int64_t weir_timestamp_us_floor(int64_t us, uint32_t precision)
{
    static const int32_t units[] = { 1000000, 100000, 10000, 1000, 100, 10 };
    return precision >= 6 ? us : us - weir_floor_mod(us, units[precision]);
}
