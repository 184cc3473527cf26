/* Declarations that only the files of the books share. */
#ifndef BOOKS_H
#define BOOKS_H

#include <stdio.h>

#include <cjson/cJSON.h>

#include "simulator.h"

/* print.c: a record's member, "" or 0 if it has none. */
const char	*json_text(const cJSON *object, const char *name);
int64_t		 json_number(const cJSON *object, const char *name);

/* print.c: now, as the provider writes it (Korean time); a new transaction key. */
void		 provider_time(char text_r[TIME_TEXT]);
void		 transaction_new(char text_r[TRANSACTION_TEXT]);

/* transactions.c: the payment's newest transaction, of this amount, goes into the list of all of them. */
void		 transaction_add(const struct payment *payment, int64_t amount, const char *at);

/* print.c: the list of changes that the merchant has not been told of. */
void		 untold_add(struct untold **list, uint64_t event, struct payment *payment);
void		 untold_remove(struct untold **list, uint64_t event);

#endif
