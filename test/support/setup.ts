import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import '@nestjs/core';

// What the service logs is tested on processes of its own; here it would only hide the report.
Logger.overrideLogger(false);
